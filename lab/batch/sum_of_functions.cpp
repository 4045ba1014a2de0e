#include "lab/batch/sum_of_functions.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace proxprop::batch {
namespace {

double length_of(const at::Tensor& v) {
  return v.norm().item<double>();
}

bool seen(const SumOfFunctions::Function& function) {
  return function.x.defined();
}

}  // namespace

SumOfFunctions::SumOfFunctions(const at::Tensor& x, int64_t functions, const SumOfFunctionsOptions& options)
    : options_(options) {
  TORCH_CHECK(x.dim() == 1 && x.scalar_type() == at::kDouble, "proxprop: the position is [n] float64");
  TORCH_CHECK(functions >= 1, "proxprop: a sum of functions has at least one, got ", functions);
  const double length = length_of(x);
  at::Tensor first = x / length;
  if (length == 0) {
    first = at::zeros_like(x);
    first[0] = 1;
  }
  state_.basis = first.unsqueeze(1);
  state_.x = at::full({1}, length, x.options());
  state_.start = state_.x;
  state_.functions.resize(functions);
  for (int64_t i = 0; i < std::min(options_.init_subf, functions); ++i) {
    state_.functions[i].active = true;
    state_.functions[i].hessian = BfgsMatrix(options_.hessian_init);
  }
}

void SumOfFunctions::restore(State state) {
  state_ = std::move(state);
}

at::Tensor SumOfFunctions::position() const {
  return at::mv(state_.basis, padded(state_.x, dimensions()));
}

at::Tensor SumOfFunctions::whole_hessian() const {
  at::Tensor h = at::zeros({dimensions(), dimensions()}, state_.basis.options());
  for (const Function& function : state_.functions) {
    if (function.active && seen(function))
      function.hessian.add_to(h);
  }
  return h;
}

// x -= H^-1 G'(x), G'(x) = sum_i f_i'(x_i) + H_i (x - x_i).
void SumOfFunctions::step_to_minimiser(const at::Tensor& hessian) {
  const at::Tensor x = padded(state_.x, dimensions());
  at::Tensor gradient = at::zeros_like(x);
  for (const Function& function : state_.functions) {
    if (function.active && seen(function))
      gradient =
          gradient + padded(function.df, dimensions()) + function.hessian.times(x - padded(function.x, dimensions()));
  }
  state_.start = x;
  const at::Tensor factor = at::linalg_cholesky(hessian);
  state_.x = x - at::cholesky_solve(gradient.unsqueeze(1), factor).squeeze(1);
}

int64_t SumOfFunctions::farthest(const at::Tensor& hessian) const {
  const at::Tensor x = padded(state_.x, dimensions());
  int64_t best = -1;
  double largest = -1;
  for (size_t i = 0; i < state_.functions.size(); ++i) {
    const Function& function = state_.functions[i];
    if (!function.active)
      continue;
    const at::Tensor d = x - padded(function.x, dimensions());
    const double distance = at::dot(d, at::mv(hessian, d)).item<double>();
    if (distance > largest) {
      largest = distance;
      best = static_cast<int64_t>(i);
    }
  }
  return best;
}

int64_t SumOfFunctions::next() {
  for (size_t i = 0; i < state_.functions.size(); ++i) {
    if (state_.functions[i].active && !seen(state_.functions[i]))
      return told_ = static_cast<int64_t>(i);
  }
  const at::Tensor hessian = whole_hessian();
  step_to_minimiser(hessian);
  return told_ = farthest(hessian);
}

// To the last positions and gradients of all functions, the present position, and of the histories what there is room
// for, the newest first. Pairs that lie outside are forgotten.
void SumOfFunctions::shrink(int64_t room) {
  const int64_t k = dimensions();
  std::vector<at::Tensor> kept = {padded(state_.x, k), padded(state_.start, k)};
  for (const Function& function : state_.functions) {
    if (seen(function)) {
      kept.push_back(padded(function.x, k));
      kept.push_back(padded(function.df, k));
    }
  }
  for (int64_t age = 1; age <= options_.max_history_terms; ++age) {
    for (const Function& function : state_.functions) {
      const auto size = static_cast<int64_t>(function.history.size());
      if (age > size || static_cast<int64_t>(kept.size()) + 2 > room)
        continue;
      kept.push_back(padded(function.history[size - age].dx, k));
      kept.push_back(padded(function.history[size - age].df, k));
    }
  }
  const at::Tensor q = std::get<0>(at::linalg_qr(at::stack(kept, 1)));
  const auto project = [&](at::Tensor& v) { v = at::mv(q.t(), padded(v, k)); };
  state_.basis = at::mm(state_.basis, q);
  project(state_.x);
  project(state_.start);
  for (Function& function : state_.functions) {
    if (!seen(function))
      continue;
    project(function.x);
    project(function.df);
    std::deque<SecantPair> inside;
    for (SecantPair pair : function.history) {
      const double dx = length_of(pair.dx), df = length_of(pair.df);
      project(pair.dx);
      project(pair.df);
      if (length_of(pair.dx) > 0.9 * dx && length_of(pair.df) > 0.9 * df)
        inside.push_back(std::move(pair));
    }
    function.history = std::move(inside);
    function.hessian.project(q);
  }
}

// Widens the basis by the part of the gradient that lies outside, orthogonalised twice.
at::Tensor SumOfFunctions::coordinates_of(const at::Tensor& gradient) {
  const int64_t n = state_.basis.size(0);
  const auto count = static_cast<int64_t>(state_.functions.size());
  const int64_t most = std::max(3 * count, 2 * (count + 1) + 4 * options_.max_history_terms);
  if (dimensions() >= most && dimensions() < n)
    shrink(2 * most / 3);
  at::Tensor inside = at::mv(state_.basis.t(), gradient);
  if (dimensions() == n)
    return inside;
  at::Tensor outside = gradient - at::mv(state_.basis, inside);
  const at::Tensor correction = at::mv(state_.basis.t(), outside);
  inside = inside + correction;
  outside = outside - at::mv(state_.basis, correction);
  const double length = length_of(outside);
  if (length <= 1e-10 * length_of(gradient))
    return inside;
  state_.basis = at::cat({state_.basis, (outside / length).unsqueeze(1)}, 1);
  return at::cat({inside, at::full({1}, length, inside.options())});
}

bool SumOfFunctions::tell(double value, const at::Tensor& gradient) {
  TORCH_CHECK(told_ >= 0, "proxprop: next() says which function is to be evaluated");
  Function& function = state_.functions[std::exchange(told_, -1)];
  ++state_.since_growth;
  const double worst =
      function.values.empty() ? value : *std::max_element(function.values.begin(), function.values.end());
  const bool finite = std::isfinite(value) && gradient.isfinite().all().item<bool>();
  if (!finite) {  // nothing to learn but that the step was too long
    TORCH_CHECK(seen(function), "proxprop: a function is not finite where the optimizer starts");
    for (Function& other : state_.functions)
      other.hessian = BfgsMatrix::from_parts(10 * other.hessian.beta(), other.hessian.vectors());
    state_.x = state_.start;
    return false;
  }

  const at::Tensor df = coordinates_of(gradient);
  const int64_t k = dimensions();
  const at::Tensor x = padded(state_.x, k);
  if (seen(function)) {
    const SecantPair pair{x - padded(function.x, k), padded(df, k) - padded(function.df, k)};
    if (length_of(pair.dx) > 1e-12 * length_of(x))
      function.history.push_back(pair);
    if (static_cast<int64_t>(function.history.size()) > options_.max_history_terms)
      function.history.pop_front();
    if (!function.history.empty())
      function.hessian = BfgsMatrix::of(function.history, usual_beta());
  }
  function.x = x;
  function.df = padded(df, k);
  const bool kept = value <= worst;
  if (kept) {
    function.values.push_back(value);
    if (static_cast<int64_t>(function.values.size()) > options_.max_history_terms + 1)
      function.values.pop_front();
  } else {
    state_.x = padded(state_.start, k);
  }
  grow_active_set();
  return kept;
}

// The median of those with a history; the first value where there is none.
double SumOfFunctions::usual_beta() const {
  std::vector<double> betas;
  for (const Function& function : state_.functions) {
    if (!function.history.empty() && function.hessian.vectors().defined())
      betas.push_back(function.hessian.beta());
  }
  if (betas.empty())
    return options_.hessian_init;
  std::nth_element(betas.begin(), betas.begin() + betas.size() / 2, betas.end());
  return betas[betas.size() / 2];
}

void SumOfFunctions::grow_active_set() {
  const auto idle = std::find_if(
      state_.functions.begin(), state_.functions.end(), [](const Function& function) { return !function.active; });
  if (idle == state_.functions.end())
    return;
  std::vector<at::Tensor> gradients;
  for (const Function& function : state_.functions) {
    if (!function.active)
      continue;
    if (!seen(function))
      return;
    gradients.push_back(padded(function.df, dimensions()));
  }
  const auto count = static_cast<double>(gradients.size());
  const at::Tensor all = at::stack(gradients);
  const at::Tensor mean = all.mean(0);
  const double variance = (all - mean).square().sum().item<double>() / std::max(count - 1, 1.0);
  const bool noisy = std::sqrt(variance / count) >= options_.max_gradient_noise * length_of(mean);
  if (!noisy && static_cast<double>(state_.since_growth) < count)
    return;
  idle->active = true;
  idle->hessian = BfgsMatrix(usual_beta());
  state_.since_growth = 0;
}

}  // namespace proxprop::batch
