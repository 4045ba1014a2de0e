#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace proxprop::train {

/// The mean cross-entropy of a model over many records, so many of them at a time: the memory is that of one pass, and
/// the value that of all.
class ChunkedLoss {
 public:
  /// `chunk` records per pass, at least 1.
  ChunkedLoss(torch::nn::Sequential model, const at::Tensor& input, const at::Tensor& labels, int64_t chunk);

  int64_t records() const { return labels_.size(0); }
  /// A scalar; not recorded by autograd.
  at::Tensor value() const;
  /// Adds the gradient, times `weight`, to `.grad` of the parameters; returns the loss, times `weight`.
  at::Tensor backward(double weight = 1) const;
  /// Outputs recorded by autograd and their labels, pass by pass: as much memory as all of them take.
  std::vector<std::pair<at::Tensor, at::Tensor>> outputs() const;

 private:
  int64_t passes() const;
  at::Tensor output(int64_t pass) const;
  at::Tensor labels(int64_t pass) const;
  // Of a pass in the mean over all records.
  at::Tensor share_of_loss(int64_t pass) const;

  torch::nn::Sequential model_;
  at::Tensor input_, labels_;
  int64_t chunk_;
};

}  // namespace proxprop::train
