#pragma once
// Conjugate gradients through a tridiagonal form: K = Q T Q^T once, then an iteration costs O(S) per right-hand side
// instead of a product with K.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop {

/// K = Q T Q^T with T tridiagonal, by Householder reflections; float64, CPU.
struct Tridiagonal {
  at::Tensor diagonal;  ///< [n]
  at::Tensor off;       ///< [n], beside the diagonal; the last entry is zero
  at::Tensor basis;     ///< Q [n, n]
};

/// `symmetric` is [n, n] float64; only its lower triangle is read.
Tridiagonal tridiagonalize(const at::Tensor& symmetric);

/// `iterations` steps of conjugate gradients on (beta I + T) c = right side for every column of `right_side` [n, m]
/// independently, in the metric <x, y> = x^T T y, from zero. This is CG on (beta I + A^T A) x = A^T c for K = A A^T,
/// x = A^T c, in the coordinates of Q. All arithmetic is float64; the solution has the dtype of `right_side`.
struct TridiagonalSolution {
  at::Tensor coefficients;  ///< [n, m]
  bool converged = false;   ///< every column's residual is below the tolerance
};
TridiagonalSolution tridiagonal_conjugate_gradient(
    const Tridiagonal& form, double beta, const at::Tensor& right_side, int64_t iterations, double tolerance);

}  // namespace proxprop
