#include "lab/z_rules.h"

#include "lab/piecewise_linear_step.h"
#include "lab/smooth_step.h"

#include <ATen/ATen.h>

namespace proxprop::lab {
namespace {

// Both terms in |z - z_k|^2 of the proximal step on eq. 3, over the weight of the coupling to a.
double relative_weight(const ZProblem& problem) {
  return (problem.rho + 1 / problem.tau) / problem.gamma;
}

template <class Step>
at::Tensor by_family(const ZProblem& problem, const char* rule, const Step& step) {
  if (const auto* linear = dynamic_cast<const PiecewiseLinear*>(&problem.activation))
    return step(*linear);
  if (const auto* smooth = dynamic_cast<const Smooth*>(&problem.activation))
    return step(*smooth);
  TORCH_CHECK(
      false, "proxprop: the ", rule, " step of z does not know the activation ", problem.activation.name(),
      "; take the explicit step, or derive the activation from PiecewiseLinear's or Smooth's family "
      "(lab/activation.h)");
}

}  // namespace

at::Tensor ExplicitZ::displacement(const ZProblem& problem) const {
  return problem.tau * problem.gamma * problem.activation.derivative(problem.z) * problem.a_displacement;
}

at::Tensor ImplicitZ::displacement(const ZProblem& problem) const {
  return by_family(problem, "implicit", [&](const auto& sigma) {
    return quadratic_step(sigma, problem.z, problem.a_displacement, relative_weight(problem));
  });
}

at::Tensor BregmanZ::displacement(const ZProblem& problem) const {
  return by_family(problem, "Bregman", [&](const auto& sigma) {
    return bregman_step(sigma, problem.z, problem.a_displacement, relative_weight(problem));
  });
}

}  // namespace proxprop::lab
