#pragma once

#include "prox/dense_cholesky.h"

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

#include <vector>

namespace proxprop {

/// Cholesky factors of gram + damping * I, float64, [groups, n, n].
struct Factor {
  std::vector<DenseCholesky> blocks;  ///< on the CPU: one per group
  at::Tensor lower;                   ///< elsewhere, and NaN where there is no factor: [groups, n, n]
  Status status = Status::ok;
  double jitter = 0.0;

  bool empty() const { return blocks.empty() && !lower.defined(); }
  /// Of all groups' factors, on the CPU; infinity elsewhere.
  double smallest_pivot() const;
  /// (gram + damping I)^-1, float64.
  at::Tensor inverse() const;
  /// (gram + damping I)^-1 right, float64, for `right` [groups, n, m].
  at::Tensor solve(const at::Tensor& right) const;
};

/// Overwrites `gram`. Where the matrix is not numerically positive definite, a growing multiple of I is added and the
/// status says so; where it holds NaN or infinity the factor is NaN and the status `not_finite`. On CUDA the outcome is
/// not waited for: the status is `ok`, and a failed factor is replaced by one with jitter on the device, or by NaN
/// where that fails too.
Factor factorize(at::Tensor gram, double damping);

}  // namespace proxprop
