#pragma once
// Cholesky factorisation, triangular solves and the inverse of one float64 matrix, by recursion: halves down to blocks
// that a core's first-level cache holds, so that all but those blocks is `dense_product`. CPU.

#include <ATen/core/Tensor.h>

namespace proxprop {

/// A = L L^T for a symmetric positive definite A [n, n].
class DenseCholesky {
 public:
  /// Reads the lower half of `matrix` [n, n], float64, contiguous, and overwrites it; the upper one stays. Where a
  /// pivot is not positive (or is NaN) `positive_definite()` is false and nothing else may be asked for.
  explicit DenseCholesky(at::Tensor matrix);

  bool positive_definite() const { return positive_definite_; }
  /// Of the diagonal of L, squared; infinity for n = 0.
  double smallest_pivot() const;

  /// right = A^-1 right, for `right` [n, m], float64, contiguous.
  void solve_in_place(const at::Tensor& right) const;
  /// A^-1, both halves.
  at::Tensor inverse() const;

 private:
  at::Tensor lower_;              ///< L in its lower half
  at::Tensor diagonal_inverses_;  ///< of the diagonal blocks of L, one below the other
  bool positive_definite_;
};

}  // namespace proxprop
