#include "train/entropy_sgd.h"

#include <ATen/ATen.h>

#include <cmath>
#include <memory>
#include <utility>

namespace proxprop::train {
namespace {

EntropySgdParamState start_at(const at::Tensor& parameter) {
  EntropySgdParamState state;
  state.anchor = parameter.detach().clone();
  state.mean = parameter.detach().clone();
  return state;
}

void langevin_iteration(const at::Tensor& x, EntropySgdParamState& state, const EntropySgdOptions& options) {
  const double gamma = options.gamma0 * std::pow(1 + options.gamma1, static_cast<double>(state.steps));
  at::Tensor drift = at::add(x.grad(), x - state.anchor, gamma);
  if (options.weight_decay != 0)
    drift.add_(x, options.weight_decay);
  x.add_(drift, -options.eta);
  if (options.eps > 0)
    x.add_(at::randn_like(x), std::sqrt(options.eta) * options.eps);
  state.mean.mul_(1 - options.alpha).add_(x, options.alpha);
  ++state.iterations;
}

void step_of_parameters(const at::Tensor& x, EntropySgdParamState& state, const EntropySgdOptions& options) {
  state.anchor.sub_(state.anchor - state.mean, options.lr);
  x.copy_(state.anchor);
  state.mean.copy_(state.anchor);
  state.iterations = 0;
  ++state.steps;
}

}  // namespace

EntropySgd::EntropySgd(std::vector<at::Tensor> parameters, const EntropySgdOptions& options)
    : Optimizer(std::move(parameters), std::make_unique<EntropySgdOptions>(options)) {}

at::Tensor EntropySgd::step(LossClosure closure) {
  at::Tensor loss;
  if (closure) {
    const at::AutoGradMode enable_grad(true);
    loss = closure();
  }
  const at::NoGradGuard no_grad;
  for (const auto& group : param_groups()) {
    const auto& options = static_cast<const EntropySgdOptions&>(group.options());
    for (const at::Tensor& x : group.params()) {
      if (!x.grad().defined())
        continue;
      auto& kept = state_[x.unsafeGetTensorImpl()];
      if (kept == nullptr)
        kept = std::make_unique<EntropySgdParamState>(start_at(x));
      auto& state = static_cast<EntropySgdParamState&>(*kept);
      langevin_iteration(x, state, options);
      if (state.iterations >= options.l)
        step_of_parameters(x, state, options);
    }
  }
  return loss;
}

}  // namespace proxprop::train
