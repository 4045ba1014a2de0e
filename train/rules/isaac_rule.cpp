#include "train/rules/isaac_rule.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/plan.h>

#include <ATen/ATen.h>

namespace proxprop::train {
namespace {

ProximalOptions proximal_step(double lambda) {
  ProximalOptions options;
  options.tau_theta = 1 / lambda;
  options.scaling = Scaling::mean;
  return options;
}

}  // namespace

std::vector<at::Tensor> IsaacRule::direction(const LayerPass& pass) {
  const auto weight = pass.transfer({true, false});
  std::vector<at::Tensor> direction = proximal_direction(*weight, pass.grad_output, proximal_step(lambda_)).direction;
  direction.front().mul_(lambda_);
  if (pass.all().bias)
    direction.push_back(pass.transfer({false, true})->adjoint(pass.grad_output).front());
  return direction;
}

RulePlan IsaacRule::plan(const LinearTransfer& transfer) const {
  const Plan chosen = proxprop::plan(describe(transfer, proximal_step(lambda_)));
  return {"isaac", to_string(chosen.route), chosen.reason};
}

}  // namespace proxprop::train
