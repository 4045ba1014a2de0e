#include "lab/last_rules.h"

namespace proxprop::lab {

at::Tensor ExplicitLast::output_gradient(const LastProblem& problem) const {
  return problem.loss.gradient(problem.output, problem.targets);
}

at::Tensor MoreauLast::output_gradient(const LastProblem& problem) const {
  return problem.loss.envelope_gradient(problem.output, problem.targets, problem.tau);
}

}  // namespace proxprop::lab
