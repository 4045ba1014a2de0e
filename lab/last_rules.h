#pragma once

#include "lab/step_rules.h"

namespace proxprop::lab {

/// The gradient of the loss (paper, eq. 8 and 12).
class ExplicitLast final : public LastRule {
 public:
  at::Tensor output_gradient(const LastProblem& problem) const override;
};

/// The gradient of the loss's Moreau envelope with smoothing tau: an implicit step in the network's output (paper,
/// section 4.2.1). The energy that is minimised is then that of the envelope.
class MoreauLast final : public LastRule {
 public:
  at::Tensor output_gradient(const LastProblem& problem) const override;
};

}  // namespace proxprop::lab
