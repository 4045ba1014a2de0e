#include "prox/conjugate_gradient.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace proxprop {

namespace {

// On a device the test for convergence makes the host wait: it is made that seldom.
constexpr int64_t device_check_interval = 16;

// target += factor * direction
void add_multiple(const CgSpace& space, CgVector& target, const at::Tensor& factor, const CgVector& direction) {
  for (size_t i = 0; i < target.size(); ++i) {
    target[i].addcmul_(space.as_factor(factor, target[i]), direction[i]);
  }
}

// direction = residual + factor * direction. `direction` is storage of its own, never the residual's.
void renew_direction(const CgSpace& space, CgVector& direction, const at::Tensor& factor, const CgVector& residual) {
  for (size_t i = 0; i < direction.size(); ++i) {
    direction[i].mul_(space.as_factor(factor, direction[i])).add_(residual[i]);
  }
}

// In storage of its own: what an adjoint returns may be expanded, or one tensor for two parameters.
CgVector clone(const CgVector& x) {
  CgVector copy;
  copy.reserve(x.size());
  for (const auto& tensor : x) {
    copy.push_back(tensor.clone(at::MemoryFormat::Contiguous));
  }
  return copy;
}

bool same_storage(const CgVector& a, const CgVector& b) {
  return a.front().is_same(b.front());
}

}  // namespace

double squared_rounding(at::ScalarType dtype) {
  constexpr double roundings = 4;
  const auto epsilon =
      dtype == at::kDouble ? std::numeric_limits<double>::epsilon() : double(std::numeric_limits<float>::epsilon());
  return std::pow(roundings * epsilon, 2);
}

at::Tensor safe_quotient(const at::Tensor& numerator, const at::Tensor& denominator) {
  return at::where(denominator == 0, at::zeros_like(numerator), numerator / denominator);
}

CgResult conjugate_gradient(CgSpace& space, const CgVector& right_side, int64_t iterations, double tolerance) {
  CgResult result;
  auto residual = clone(right_side);
  for (const auto& tensor : residual) {
    result.solution.push_back(at::zeros_like(tensor));
  }

  auto metric_residual = space.metric(residual);
  const bool plain = same_storage(metric_residual, residual);
  auto direction = clone(residual);
  auto metric_direction = plain ? direction : clone(metric_residual);
  auto squared_norm = space.dot(residual, metric_residual);
  const auto rounding = space.rounding(residual);
  auto target = squared_norm * (tolerance * tolerance);
  if (rounding) {
    target = at::maximum(target, *rounding);
  }
  const bool on_cpu = squared_norm.is_cpu();

  while (result.iterations < iterations) {
    auto step = safe_quotient(squared_norm, space.curvature(direction, metric_direction));
    if (tolerance > 0 || rounding) {
      step = at::where(squared_norm <= target, at::zeros_like(step), step);
    }
    add_multiple(space, result.solution, step, direction);
    ++result.iterations;
    if (result.iterations == iterations && tolerance == 0) {
      break;
    }

    const auto image = space.multiply(direction, metric_direction);
    add_multiple(space, residual, -step, image);
    metric_residual = space.metric(residual);
    const auto next_squared_norm = space.dot(residual, metric_residual);
    const bool last = result.iterations == iterations;
    const bool look = tolerance > 0 && (on_cpu || last || result.iterations % device_check_interval == 0);
    if (look && (next_squared_norm <= target).all().item<bool>()) {
      result.converged = true;
      break;
    }
    const auto momentum = safe_quotient(next_squared_norm, squared_norm);
    renew_direction(space, direction, momentum, residual);
    if (!plain) {
      renew_direction(space, metric_direction, momentum, metric_residual);
    }
    squared_norm = next_squared_norm;
  }
  return result;
}

}  // namespace proxprop
