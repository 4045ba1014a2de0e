#pragma once
// The arithmetic of the code that the paper's authors released, written from a description of it, for one purpose: to
// see what correct numerics change (`proxprop reproduce released`). Not for training anything: it loses what it
// computes.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop::train {

/// What the released step works on: z = A theta with A = [input, 1] (rows S, columns d), theta = [weight, bias]^T (d x
/// O), and gradient g = dJ/dz (S x O). The system (A^T A + I / tau_theta) X = A^T (A theta - g) + theta / tau_theta is
/// that of the new theta (paper, eq. 42), and the direction is theta - X.
///
/// All in the dtype of its arguments. In float32 the difference is rounding noise where the system is badly
/// conditioned: X has the relative error of a solve with condition number kappa, and theta - X is smaller than theta by
/// more than that.
struct ReleasedSystem {
  at::Tensor a;      ///< A
  at::Tensor theta;  ///< d x O
  at::Tensor grad;   ///< g
  double tau_theta = 1;
};

/// By LU factorisation. d x O.
at::Tensor released_exact_direction(const ReleasedSystem& system);

/// By conjugate gradients from theta, without the matrix, each column by itself. The first search direction is the
/// residual's own storage: the update of the residual in iteration 1 changes it too, and the second direction is (1 +
/// beta) times the residual, where conjugacy would have wanted another. 1e-6 is added to both denominators, so that the
/// result depends on the scale of the loss. Ends early where the largest squared residual of a column is below 1e-4
/// times the mean squared initial one. d x O.
at::Tensor released_cg_direction(const ReleasedSystem& system, int64_t iterations);

}  // namespace proxprop::train
