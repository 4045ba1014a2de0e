#include "lab/batch/lbfgs.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>
#include <vector>

namespace proxprop::batch {
namespace {

double inner_product(const at::Tensor& x, const at::Tensor& y) {
  return at::dot(x, y).item<double>();
}

void remember(LbfgsHistory& history, const Evaluation& before, const Evaluation& after, const LbfgsOptions& options) {
  at::Tensor s = after.x - before.x, y = after.gradient - before.gradient;
  const double lengths = std::sqrt(inner_product(s, s)) * std::sqrt(inner_product(y, y));
  if (!(inner_product(s, y) > options.cosine * lengths))
    return;
  history.s.push_back(std::move(s));
  history.y.push_back(std::move(y));
  while (static_cast<int64_t>(history.s.size()) > options.history_size) {
    history.s.pop_front();
    history.y.pop_front();
  }
}

}  // namespace

// alpha_i and beta_i of the recursion, for rho_i = 1 / <s_i, y_i>: r = H g is g taken through I - rho y s^T from the
// newest pair to the oldest, scaled, and through the transposes back, with rho s s^T added for each.
at::Tensor lbfgs_direction(const LbfgsHistory& history, const at::Tensor& gradient) {
  at::Tensor r = -gradient;
  const size_t pairs = history.s.size();
  if (pairs == 0)
    return r;
  std::vector<double> curvature(pairs), alpha(pairs);
  for (size_t i = pairs; i-- > 0;) {
    curvature[i] = inner_product(history.s[i], history.y[i]);
    alpha[i] = inner_product(history.s[i], r) / curvature[i];
    r.sub_(history.y[i], alpha[i]);
  }
  r.mul_(curvature.back() / inner_product(history.y.back(), history.y.back()));
  for (size_t i = 0; i < pairs; ++i)
    r.add_(history.s[i], alpha[i] - inner_product(history.y[i], r) / curvature[i]);
  return r;
}

LbfgsResult lbfgs(const Objective& objective, const at::Tensor& x, const LbfgsOptions& options, LbfgsHistory& history) {
  LbfgsResult result;
  Evaluation trial;
  const auto evaluate = [&](const at::Tensor& at) {
    ++result.evaluations;
    trial = objective(at);
  };
  evaluate(x);
  Evaluation& now = result.last;
  now = trial;
  while (result.iterations < options.max_iter && std::isfinite(now.value)) {
    at::Tensor direction = lbfgs_direction(history, now.gradient);
    double slope = inner_product(now.gradient, direction);
    if (!(slope < 0) && !history.s.empty()) {
      history = {};
      continue;
    }
    if (!(slope < 0))  // the gradient is zero, or not a number
      break;
    const auto phi = [&](double step) {
      evaluate(at::add(now.x, direction, step));
      return LinePoint{step, trial.value, inner_product(trial.gradient, direction)};
    };
    const double first = history.s.empty() ? options.step / std::sqrt(-slope) : options.step;
    const WolfeStep step = strong_wolfe_step(phi, {0, now.value, slope}, first, options.line_search);
    if (step.point.step == 0) {
      const bool below_rounding = -slope <= options.line_search.rounding * std::abs(now.value);
      if (below_rounding || history.s.empty())
        break;
      history = {};
      continue;
    }
    if (!step.found)  // the best is not the last that was evaluated
      evaluate(at::add(now.x, direction, step.point.step));
    remember(history, now, trial, options);
    now = trial;
    ++result.iterations;
  }
  return result;
}

}  // namespace proxprop::batch
