#pragma once

#include "lab/step_rules.h"

namespace proxprop::lab {

/// The gradient of the loss (paper, eq. 8 and 12).
class ExplicitLast final : public LastRule {
 public:
  at::Tensor output_gradient(const LastProblem& problem) const override;
};

/// theta_{L-1} by the gradient of the loss, a_{L-2} by a proximal step on eq. 3 (the example of the paper's section
/// 4.2.1): the minimiser of
///     L(phi(theta, a)) + (gamma + 1 / tau) / 2 |a - a_k|^2.
/// Linear layers: with t = 1 / (gamma + 1 / tau) the step is t theta^T g, where g is the gradient of the loss at the
/// new output. g is what is solved for, in as many unknowns per record as there are outputs. Tends to ExplicitLast for
/// tau -> 0.
class ImplicitLast final : public LastRule {
 public:
  at::Tensor output_gradient(const LastProblem& problem) const override;
  at::Tensor a_displacement(const LastProblem& problem, const at::Tensor& gradient) const override;
};

/// The gradient of the loss's Moreau envelope with smoothing tau, in the place of the loss's own: the step is implicit
/// in the network's output alone, for which eq. 3 has no variable; theta_{L-1} and a_{L-2} take gradient steps on the
/// envelope. It is not a proximal step on eq. 3, and may increase it.
class MoreauLast final : public LastRule {
 public:
  at::Tensor output_gradient(const LastProblem& problem) const override;
};

}  // namespace proxprop::lab
