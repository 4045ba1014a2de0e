#include "lab/last_rules.h"

#include <ATen/ATen.h>

namespace proxprop::lab {

at::Tensor LastRule::a_displacement(const LastProblem& problem, const at::Tensor& gradient) const {
  return problem.tau * problem.layer.input_adjoint(problem.a, gradient);
}

at::Tensor ExplicitLast::output_gradient(const LastProblem& problem) const {
  return problem.loss.gradient(problem.output, problem.targets);
}

at::Tensor ImplicitLast::output_gradient(const LastProblem& problem) const {
  return problem.loss.gradient(problem.output, problem.targets);
}

// phi(theta, a_k - t phi_a* g) = output - t phi_a phi_a* g, where phi_a phi_a* is theta theta^T for every record.
at::Tensor ImplicitLast::a_displacement(const LastProblem& problem, const at::Tensor&) const {
  const auto transfer = problem.layer.input_transfer(problem.a);
  TORCH_CHECK(
      transfer != nullptr && transfer->has_sample_matrix() && problem.output.dim() == 2,
      "proxprop: the implicit step of the last layer needs a linear layer, not ", problem.layer.name(),
      "; take the explicit step, or moreau");
  const double step = 1 / (problem.gamma + 1 / problem.tau);
  const at::Tensor theta = transfer->sample_matrix().matrix.squeeze(0).to(at::kDouble);
  const at::Tensor gradient =
      problem.loss.implicit_gradient(problem.output, problem.targets, step * at::mm(theta, theta.t()));
  return step * problem.layer.input_adjoint(problem.a, gradient);
}

at::Tensor MoreauLast::output_gradient(const LastProblem& problem) const {
  return problem.loss.envelope_gradient(problem.output, problem.targets, problem.tau);
}

}  // namespace proxprop::lab
