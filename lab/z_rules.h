#pragma once

#include "lab/step_rules.h"

namespace proxprop::lab {

/// Gradient step (paper, eq. 9): z_k - z_{k+1/2} = tau gamma sigma'(z_k) (a_k - a_{k+1/2}). Any activation.
class ExplicitZ final : public ZRule {
 public:
  at::Tensor displacement(const ZProblem& problem) const override;
};

/// Proximal step on eq. 3: the minimiser of
///     gamma / 2 |sigma(z) - a_{k+1/2}|^2 + (rho + 1 / tau) / 2 |z - z_k|^2.
/// PiecewiseLinear: the better of the minimisers on the two sides of 0. Smooth: safeguarded Newton; where a step is so
/// large that there may be several minima, on the best of a number of intervals. Tends to ExplicitZ for tau -> 0.
/// It is the proximal step on eq. 3, which never increases it, where the activation is all that stands between two
/// layers. Other stages of the chain (batch normalization, pooling) are passed by the adjoint of their derivative, and
/// with them eq. 3 may increase.
class ImplicitZ final : public ZRule {
 public:
  at::Tensor displacement(const ZProblem& problem) const override;
};

/// Proximal step with the Bregman distance of the activation: the solution of
///     gamma (sigma(z) - a_{k+1/2}) + (rho + 1 / tau) (z - z_k) = 0,
/// unique, since sigma increases. With Psi' = sigma it minimises gamma (Psi(z) - <a_{k+1/2}, z>) + (rho + 1 / tau) / 2
/// |z - z_k|^2, and in b = sigma(z) it is the proximal step on gamma / 2 |b - a_{k+1/2}|^2 that measures the distance
/// to a_k by the Bregman distance of Psi's conjugate. PiecewiseLinear and Smooth. For tau -> 0 it tends to
/// tau gamma (a_k - a_{k+1/2}): there is no sigma', and units that ReLU switches off move too.
class BregmanZ final : public ZRule {
 public:
  at::Tensor displacement(const ZProblem& problem) const override;
};

}  // namespace proxprop::lab
