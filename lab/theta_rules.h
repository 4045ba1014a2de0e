#pragma once

#include "lab/step_rules.h"

#include <proxprop/prox/options.h>

namespace proxprop::lab {

/// Gradient step: theta_k - theta_{k+1} = tau rho phi* (z_k - z_{k+1/2}).
class ExplicitTheta final : public ThetaRule {
 public:
  ThetaStep step(const ThetaProblem& problem) const override;
};

/// Proximal step (paper, eq. 11): the minimiser of
///     1 / 2 |phi(theta, a_k) - z_{k+1/2}|^2 + 1 / (2 tau_theta) |theta - theta_k|^2,
/// exact or by conjugate gradients, through proxprop::proximal_direction. As in the paper tau_theta is measured against
/// the penalty, which has weight 1 here: the proximal step on eq. 3 itself has step size tau_theta / rho.
class ProximalTheta final : public ThetaRule {
 public:
  explicit ProximalTheta(ProximalOptions options);
  ThetaStep step(const ThetaProblem& problem) const override;

 private:
  ProximalOptions options_;
};

}  // namespace proxprop::lab
