#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>

#include <cstdint>

namespace proxprop::spectrum {

/// The Hessian of 1/2 |phi(theta, X) - z|^2 for the parameters of one output of a network's first layer (paper, eq. 4):
/// the sum over all records of A^T A, the stacked inputs A extended by a column of ones where there is a bias. It is
/// the same for every output.
class FirstLayerHessian {
 public:
  /// `bias` false leaves out the column of ones.
  FirstLayerHessian(torch::nn::Sequential model, bool bias);

  /// Adds records, float64, as the model takes them. Throws c10::ValueError where the model's first layer with
  /// parameters is no torch::nn::Linear or ungrouped torch::nn::Conv2d.
  void add(const at::Tensor& input);

  const at::Tensor& matrix() const { return matrix_; }  ///< [d, d] float64
  int64_t rows() const { return rows_; }                ///< S: records, or records times output positions

 private:
  torch::nn::Sequential model_;
  bool bias_;
  at::Tensor matrix_;
  int64_t rows_ = 0;
};

}  // namespace proxprop::spectrum
