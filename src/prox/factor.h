#pragma once

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// Cholesky factor of gram + damping * I, float64, [groups, n, n].
struct Factor {
  at::Tensor lower;
  Status status = Status::ok;
  double jitter = 0.0;

  /// (gram + damping I)^-1, float64.
  at::Tensor inverse() const;
  /// (gram + damping I)^-1 right, float64.
  at::Tensor solve(const at::Tensor& right) const;
};

/// Where the matrix is not numerically positive definite, a growing multiple of I is added and the status says so;
/// where it holds NaN or infinity the factor is NaN and the status `not_finite`. On CUDA the outcome is not waited for:
/// the status is `ok`, and a failed factor is replaced by one with jitter on the device, or by NaN
/// where that fails too.
Factor factorize(const at::Tensor& gram, double damping);

}  // namespace proxprop
