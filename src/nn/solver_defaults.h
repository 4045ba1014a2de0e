#pragma once

#include <proxprop/prox/options.h>
#include <proxprop/prox/plan.h>

namespace proxprop::nn {

/// The solver with the layer kind's default coupling filled in (paper: per output for linear layers, joint for
/// convolutions).
inline Solver with_coupling(Solver solver, Coupling coupling) {
  if (auto* cg = std::get_if<ConjugateGradient>(&solver); cg != nullptr && !cg->coupling) {
    cg->coupling = coupling;
  }
  return solver;
}

/// The proximal step that a layer's options ask for.
template <typename LayerOptions>
ProximalOptions step_options(const LayerOptions& options, Coupling coupling) {
  return {options.tau_theta(),    with_coupling(options.solver(), coupling),
          options.scaling(),      options.route(),
          options.memory_limit(), options.communicator()};
}

template <typename LayerOptions>
void set_step_options(LayerOptions& options, const ProximalOptions& step) {
  check(step);
  options.tau_theta(step.tau_theta)
      .solver(step.solver)
      .scaling(step.scaling)
      .route(step.route)
      .memory_limit(step.memory_limit)
      .communicator(step.communicator);
}

/// The plan of a layer that has nothing to train.
inline Plan frozen_plan() {
  Plan plan;
  plan.reason = "no parameter requires a gradient";
  return plan;
}

}  // namespace proxprop::nn
