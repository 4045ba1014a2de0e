#include "train/rules/released_rule.h"

#include "train/rules/released_direction.h"

#include <ATen/ATen.h>

namespace proxprop::train {

std::vector<at::Tensor> ReleasedRule::direction(const LayerPass& pass) {
  const SampleMatrix samples = pass.transfer(pass.all())->sample_matrix();
  const at::Tensor input = samples.matrix[0];
  const at::Tensor& weight = pass.parameters[0];
  ReleasedSystem system{input, weight.t().contiguous(), pass.grad_output, tau_theta_};
  if (samples.ones) {
    system.a = at::cat({input, at::ones({input.size(0), 1}, input.options())}, 1);
    system.theta = at::cat({weight, pass.parameters[1].unsqueeze(1)}, 1).t().contiguous();
  }
  const at::Tensor direction =
      (cg_iterations_ == 0 ? released_exact_direction(system) : released_cg_direction(system, cg_iterations_)).t();
  std::vector<at::Tensor> parts{direction.narrow(1, 0, weight.size(1)).contiguous()};
  if (samples.ones)
    parts.push_back(direction.select(1, -1).contiguous());
  return parts;
}

RulePlan ReleasedRule::plan(const LinearTransfer&) const {
  const std::string solver = cg_iterations_ == 0 ? "released exact" : "released cg" + std::to_string(cg_iterations_);
  return {solver, cg_iterations_ == 0 ? "feature Gram" : "matrix-free", "the arithmetic of the authors' released code"};
}

}  // namespace proxprop::train
