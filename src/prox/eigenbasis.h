#pragma once
// Conjugate gradients in the eigenbasis of the sample Gram: K = Q D Q^T once, then an iteration costs O(S) per
// right-hand side instead of a product with K, and all of it can be float64.

#include <proxprop/prox/rates.h>

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop {

/// K = Q diag(values) Q^T, float64; values that are no larger than rounding are zero.
struct Eigenbasis {
  at::Tensor values;   ///< [groups, n]
  at::Tensor vectors;  ///< Q [groups, n, n]
};

/// `gram` is symmetric positive semidefinite, [groups, n, n] float64. NaN in, NaN out.
Eigenbasis eigenbasis(const at::Tensor& gram);

/// Whether the eigenvectors of K pay for `iterations` on `outputs` columns. By the default rates, whatever rates are in
/// use: a route stands for the same rounding errors on every machine.
bool eigenbasis_pays(double samples, double outputs, double iterations);

/// What `iterations` take on one group, in the eigenbasis or with products by K.
Work eigenbasis_work(double samples, double outputs);
Work sample_iterations_work(double samples, double outputs, double iterations);

struct EigenbasisSolution {
  at::Tensor coefficients;  ///< of the dtype and shape of the right side
  bool converged = false;   ///< every column's residual is below the tolerance
};

/// `iterations` steps of conjugate gradients on (beta I + D) c = right side, for every column of `right_side`
/// [groups, n, m] independently, in the metric <x, y> = x^T D y, from zero. With K = A A^T and x = A^T Q c this is CG
/// on (beta I + A^T A) x = A^T Q b. All arithmetic is float64. CPU.
EigenbasisSolution conjugate_gradient_in_eigenbasis(
    const Eigenbasis& basis, double beta, const at::Tensor& right_side, int64_t iterations, double tolerance);

}  // namespace proxprop
