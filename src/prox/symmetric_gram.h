#pragma once

#include <ATen/core/Tensor.h>

namespace proxprop {

/// X X^T for X [n, m] or [batch, n, m], float64, both halves filled. Products and sums are float64 whatever the dtype
/// of X: the solve amplifies an error of the Gram by the condition number, which float32 sums do not survive (measured
/// on the paper's first layer: float32 3e-4, float64 5e-6 in the direction at tau_theta = 1).
at::Tensor symmetric_gram(const at::Tensor& x);
/// The same into `gram` [n, n] float64, whose rows may lie apart, for X [n, m].
void fill_symmetric_gram(const at::Tensor& x, const at::Tensor& gram);

/// Copies what is below the diagonal of `matrix` [n, n], float64, whose rows may lie apart, CPU, to above it.
void mirror_lower(const at::Tensor& matrix);
/// The other way round.
void mirror_upper(const at::Tensor& matrix);

}  // namespace proxprop
