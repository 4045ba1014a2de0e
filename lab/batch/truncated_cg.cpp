#include "lab/batch/truncated_cg.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::batch {
namespace {

double inner_product(const at::Tensor& x, const at::Tensor& y) {
  return at::dot(x, y).item<double>();
}

bool progress_has_ended(const std::vector<double>& model, const TruncatedCgOptions& options) {
  const auto i = static_cast<int64_t>(model.size()) - 1;
  const int64_t k = std::max<int64_t>(10, i / 10);
  return i > k && model[i] < 0 && (model[i] - model[i - k]) / model[i] < static_cast<double>(k) * options.epsilon;
}

}  // namespace

TruncatedCg truncated_cg(
    const spectrum::SymmetricOperator& b_times,
    const at::Tensor& right_side,
    const at::Tensor& start,
    const TruncatedCgOptions& options,
    const at::Tensor& preconditioner) {
  TruncatedCg result;
  at::Tensor x = start.clone();
  at::Tensor residual = right_side - b_times(x);
  const auto preconditioned = [&] { return preconditioner.defined() ? residual / preconditioner : residual; };
  at::Tensor direction = preconditioned().clone();
  double squared_norm = inner_product(residual, direction);  // in the metric of M^-1
  // B x = b - r.
  const auto model_at = [&] { return -(inner_product(residual, x) + inner_product(right_side, x)) / 2; };
  std::vector<double> model = {model_at()};
  double next_kept = 1;
  while (result.iterations < options.iterations && squared_norm > 0) {
    const at::Tensor image = b_times(direction);
    const double curvature = inner_product(direction, image);
    if (!(curvature > 0))
      break;
    const double step = squared_norm / curvature;
    x.add_(direction, step);
    residual.sub_(image, step);
    const at::Tensor steepest = preconditioned();
    const double next_squared_norm = inner_product(residual, steepest);
    direction.mul_(next_squared_norm / squared_norm).add_(steepest);
    squared_norm = next_squared_norm;
    ++result.iterations;
    model.push_back(model_at());
    if (progress_has_ended(model, options) || result.iterations == options.iterations)
      break;
    if (static_cast<double>(result.iterations) >= next_kept) {
      result.iterates.push_back({x.clone(), model.back()});
      while (std::ceil(next_kept) <= static_cast<double>(result.iterations))
        next_kept *= options.backtracking;
    }
  }
  result.iterates.push_back({x, model.back()});
  return result;
}

}  // namespace proxprop::batch
