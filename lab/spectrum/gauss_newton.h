#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::spectrum {

/// The Gauss-Newton matrix G = J^T H J of a loss in a network's parameters, as products with vectors (Schraudolph
/// 2002): J is the Jacobian of the network's outputs, H the Hessian of the loss in the outputs. Positive semidefinite
/// where the loss is convex in them, and equal to the Hessian of the loss where its gradient there vanishes or the
/// network is linear.
///
/// J v comes from two backward passes: J^T u is linear in u, and its transpose is J. The first of them, and the forward
/// pass, are made once, so that a product costs two passes back: 4/3 of a gradient. The layers must be differentiable
/// twice: torch::nn's are, proximal ones are not.
class GaussNewton {
 public:
  /// A part of the records. H of the whole loss has one block per part.
  struct Part {
    at::Tensor output;                                     ///< recorded by autograd
    std::function<at::Tensor(const at::Tensor&)> hessian;  ///< H u, for a change u of the output
  };

  GaussNewton(std::vector<at::Tensor> parameters, const std::vector<Part>& parts);

  int64_t dimension() const { return dimension_; }

  /// G v, [dimension] float64 where the parameters are, flattened and joined. Products run in the parameters' dtype,
  /// parts are summed in float64.
  at::Tensor operator()(const at::Tensor& v) const;

 private:
  struct Recorded {
    Part part;
    at::Tensor u;                    // the argument of J^T u
    std::vector<at::Tensor> pulled;  // J^T u, recorded; undefined where the outputs do not depend on the parameter
  };

  std::vector<at::Tensor> parameters_;
  std::vector<Recorded> recorded_;
  int64_t dimension_ = 0;
};

}  // namespace proxprop::spectrum
