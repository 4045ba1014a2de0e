#include "lab/theta_rules.h"

#include <ATen/ATen.h>

namespace proxprop::lab {

ThetaStep ExplicitTheta::step(const ThetaProblem& problem) const {
  ThetaStep step;
  for (const at::Tensor& gradient : problem.transfer.adjoint(problem.z_displacement))
    step.displacement.push_back(problem.tau * problem.rho * gradient);
  return step;
}

ProximalTheta::ProximalTheta(ProximalOptions options) : options_(std::move(options)) {
  check(options_);
}

ThetaStep ProximalTheta::step(const ThetaProblem& problem) const {
  ProximalOptions options = options_;
  if (auto* cg = std::get_if<ConjugateGradient>(&options.solver); cg != nullptr && !cg->coupling)
    cg->coupling = problem.default_coupling;
  ProximalStep step = proximal_direction(problem.transfer, problem.z_displacement, options);
  return {std::move(step.direction), step.summary};
}

}  // namespace proxprop::lab
