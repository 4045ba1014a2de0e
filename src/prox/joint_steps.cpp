#include "prox/joint_steps.h"

#include "prox/agreement.h"
#include "prox/precise_math.h"
#include "prox/routes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

namespace proxprop {

namespace {

// Steps whose messages may be on their way while the next one is begun.
constexpr size_t steps_under_way = 2;

// Joint or per output, where the caller did not say: per output for maps whose outputs can be told apart, joint else.
// Layers say.
Coupling resolve_coupling(const LinearTransfer& transfer, const Solver& solver) {
  const auto* cg = std::get_if<ConjugateGradient>(&solver);
  const bool has_outputs = transfer.dimensions() && transfer.has_sample_matrix();
  if (cg != nullptr && cg->coupling) {
    TORCH_CHECK(
        *cg->coupling == Coupling::joint || has_outputs,
        "proxprop: Coupling::per_output needs a transfer with dimensions() and rows of outputs (has_sample_matrix()); "
        "use "
        "Coupling::joint");
    return *cg->coupling;
  }
  return has_outputs ? Coupling::per_output : Coupling::joint;
}

BegunStepPtr take_route(
    Route route,
    std::shared_ptr<const LinearTransfer> transfer,
    const at::Tensor& grad_output,
    const Request& request) {
  switch (route) {
    case Route::sample_gram: return summed(sample_route(*transfer, grad_output, request), request.ranks);
    case Route::feature_gram: return feature_route(std::move(transfer), grad_output, request);
    case Route::matrix_free: return done(matrix_free_route(*transfer, grad_output, request));
    case Route::gradient: return summed({transfer->adjoint(grad_output), {}}, request.ranks);
  }
  TORCH_INTERNAL_ASSERT(false, "unknown route");
}

// Cost of what one rank does for all on the way that was chosen.
double owned_cost(const Plan& plan, const Rates& rates) {
  const auto chosen = std::find_if(plan.candidates.begin(), plan.candidates.end(), [&](const RouteCost& candidate) {
    return candidate.route == plan.route;
  });
  return chosen == plan.candidates.end() ? 0 : rates.of(chosen->owned);
}

ProximalStep zero_step(const LinearTransfer& transfer, const at::Tensor& grad_output, Route route) {
  ProximalStep step;
  for (const auto& shape : transfer.parameter_shapes()) {
    step.direction.push_back(at::zeros(shape, grad_output.options()));
  }
  step.summary.route = route;
  return step;
}

}  // namespace

JointSteps::JointSteps(std::shared_ptr<Communicator> communicator, int64_t layers)
    : communicator_(std::move(communicator)),
      layers_(layers),
      owners_(communicator_ == nullptr ? 1 : communicator_->size()) {}

size_t JointSteps::begin(
    std::shared_ptr<const LinearTransfer> transfer,
    const at::Tensor& grad_output,
    const ProximalOptions& options,
    SolverState* state) {
  check(options);
  check_output(*transfer, grad_output);
  TORCH_CHECK(
      state != nullptr || !keeps_state(options.solver), "proxprop: solver '", to_string(options.solver),
      "' goes on from earlier steps and needs a SolverState; layers have one");
  TORCH_INTERNAL_ASSERT(options.communicator == communicator_);
  c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  if (steps_.size() >= steps_under_way) {
    if (const auto& earlier = steps_[steps_.size() - steps_under_way].step) {
      earlier->settle();
    }
  }

  const auto [problem, ranks] = agree(*transfer, grad_output, options, layers_);
  const auto planned = plan(problem);
  const auto route = planned.route;
  if (ranks.rows() == 0 || (ranks.alone() && grad_output.numel() == 0)) {
    steps_.push_back({done(zero_step(*transfer, grad_output, route)), 1.0});
    return steps_.size() - 1;
  }

  // Mean scaling: (beta I + Gram / S)^-1 = S (S beta I + Gram)^-1.
  const double divisor = options.scaling == Scaling::mean ? double(ranks.rows()) : 1.0;
  const Request request{
      divisor / options.tau_theta,
      options.solver,
      resolve_coupling(*transfer, options.solver),
      ranks,
      owners_.assign(owned_cost(planned, problem.rates)),
      state != nullptr ? &state->saved() : nullptr};
  const auto factor = (route == Route::gradient ? 1.0 : divisor) / double(ranks.count());
  steps_.push_back({take_route(route, std::move(transfer), grad_output, request), factor});
  return steps_.size() - 1;
}

ProximalStep JointSteps::finish(size_t number) {
  c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  for (; solved_ < steps_.size(); ++solved_) {
    steps_[solved_].step->solve();
  }
  auto& [begun, factor] = steps_.at(number);
  auto step = begun->finish();
  begun.reset();
  if (factor != 1.0) {
    for (auto& tensor : step.direction) {
      tensor.mul_(factor);
    }
  }
  return step;
}

}  // namespace proxprop
