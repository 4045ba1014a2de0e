#pragma once

#include <ATen/core/Tensor.h>

namespace proxprop::autograd {

/// The tensor as the solve takes it: half-precision types, which parameters or an autocast forward pass may have,
/// become float32; float32 and float64 stay.
inline at::Tensor in_solve_precision(const at::Tensor& x) {
  return at::isReducedFloatingType(x.scalar_type()) ? x.to(at::kFloat) : x;
}

}  // namespace proxprop::autograd
