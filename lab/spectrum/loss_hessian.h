#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::spectrum {

/// The Hessian of a loss in a network's parameters, as products with vectors: H v is the gradient of <grad, v>, by a
/// second backward pass through the first. The layers must be differentiable twice: torch::nn's are, proximal ones are
/// not.
class LossHessian {
 public:
  /// The loss is the sum over i < parts of part(i), recorded by autograd: so that only one part of the records is in
  /// memory at a time.
  LossHessian(std::vector<at::Tensor> parameters, int64_t parts, std::function<at::Tensor(int64_t)> part);

  /// Parameters in all.
  int64_t dimension() const { return dimension_; }

  /// H v, float64 [dimension], parameters flattened and joined. Products run in the parameters' dtype, parts are summed
  /// in float64.
  at::Tensor operator()(const at::Tensor& v) const;

 private:
  std::vector<at::Tensor> parameters_;
  int64_t parts_;
  std::function<at::Tensor(int64_t)> part_;
  int64_t dimension_ = 0;
};

}  // namespace proxprop::spectrum
