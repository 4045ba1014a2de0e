#include "lab/a_rules.h"

#include <proxprop/prox/direction.h>

#include <ATen/ATen.h>

namespace proxprop::lab {

at::Tensor ExplicitA::displacement(const AProblem& problem) const {
  return problem.tau * problem.rho * problem.layer.input_adjoint(problem.a, problem.z_displacement);
}

// The system is that of a proximal step, with the input in the place of the parameters and 1 / mu in that of tau_theta.
at::Tensor ImplicitA::displacement(const AProblem& problem) const {
  const auto transfer = problem.layer.input_transfer(problem.a);
  TORCH_CHECK(
      transfer != nullptr, "proxprop: the implicit step of a needs a layer that is affine in its input, and ",
      problem.layer.name(), " is not known to be; take the explicit step, or give its Layer an input_transfer");
  ProximalOptions options;
  options.tau_theta = problem.rho / (problem.gamma + 1 / problem.tau);
  const ProximalStep step = proximal_direction(*transfer, problem.z_displacement, options);
  if (step.summary.status != Status::ok) {
    TORCH_WARN_ONCE("proxprop: the implicit step of a is ", to_string(step.summary.status));
  }
  return step.direction.front().view_as(problem.a);
}

}  // namespace proxprop::lab
