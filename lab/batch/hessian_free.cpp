#include "lab/batch/hessian_free.h"

#include <ATen/ATen.h>

namespace proxprop::batch {
namespace {

// A point on the way of conjugate gradients, and f there.
struct Candidate {
  CgIterate iterate;
  double value = 0;
};

Candidate backtracked(const TruncatedCg& cg, const LocalModel& model, HessianFreeStep& step) {
  const auto evaluated = [&](const CgIterate& iterate) {
    ++step.values;
    return Candidate{iterate, model.at(iterate.x)};
  };
  auto iterate = cg.iterates.rbegin();
  Candidate best = evaluated(*iterate);
  for (++iterate; iterate != cg.iterates.rend(); ++iterate) {
    Candidate earlier = evaluated(*iterate);
    if (!(earlier.value < best.value) && best.value == best.value)  // and back from where f is not a number
      break;
    best = std::move(earlier);
  }
  return best;
}

void adapt(double& lambda, double rho, double factor) {
  if (!(rho >= 0.25))  // NaN too
    lambda *= factor;
  else if (rho > 0.75)
    lambda /= factor;
}

void search_line(
    HessianFreeStep& step, const Candidate& p, const LocalModel& model, const HessianFreeOptions& options) {
  const double slope = at::dot(model.gradient, p.iterate.x).item<double>();
  double value = p.value, size = 1;
  for (int64_t i = 0;; ++i) {
    if (value <= model.value + options.line_slope * size * slope && slope < 0)
      break;
    if (i == options.line_steps || !(slope < 0)) {
      size = 0;
      break;
    }
    size *= options.line_factor;
    value = model.at(size * p.iterate.x);
    ++step.values;
  }
  step.step_size = size;
  step.step = size * p.iterate.x;
}

}  // namespace

HessianFreeStep hessian_free_step(const LocalModel& model, const HessianFreeOptions& options, HessianFreeState& state) {
  HessianFreeStep step;
  step.lambda = state.lambda;
  const auto damped = [&](const at::Tensor& v) {
    ++step.products;
    return model.curvature(v).add_(v, state.lambda);
  };
  const at::Tensor start = state.solution.defined() ? options.zeta * state.solution : at::zeros_like(model.gradient);
  const at::Tensor preconditioner =
      options.alpha > 0 ? (model.mean_squares + state.lambda).pow(options.alpha) : at::Tensor();
  const TruncatedCg cg = truncated_cg(damped, -model.gradient, start, options.cg, preconditioner);
  step.cg_iterations = cg.iterations;
  state.solution = cg.iterates.back().x;

  const Candidate p = backtracked(cg, model, step);
  step.rho = (p.value - model.value) / p.iterate.model;
  adapt(state.lambda, step.rho, options.lambda_factor);
  search_line(step, p, model, options);
  return step;
}

}  // namespace proxprop::batch
