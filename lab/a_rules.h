#pragma once

#include "lab/step_rules.h"

namespace proxprop::lab {

/// Gradient step (paper, eq. 10): a_k - a_{k+1/2} = tau rho phi_a* (z_k - z_{k+1/2}). Any layer.
class ExplicitA final : public ARule {
 public:
  at::Tensor displacement(const AProblem& problem) const override;
};

/// Proximal step on eq. 3, a least-squares problem in theta:
///     a_k - a_{k+1/2} = (mu I + theta^T theta)^-1 theta^T (z_k - z_{k+1/2}),   mu = (gamma + 1 / tau) / rho.
/// Layers that are affine in their input. Linear: one Cholesky factorisation of the smaller of theta^T theta and
/// theta theta^T, whatever the batch. Convolution: conjugate gradients until convergence.
class ImplicitA final : public ARule {
 public:
  at::Tensor displacement(const AProblem& problem) const override;
};

}  // namespace proxprop::lab
