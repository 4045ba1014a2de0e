#include "lab/smooth_step.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

namespace proxprop::lab {
namespace {

struct Bracket {
  at::Tensor low, high;
};

double epsilon(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? 0x1p-52 : 0x1p-23;
}

// Newton on h(u) = 0 where h goes from negative to positive over the bracket; bisection where Newton would leave it or
// does not halve the step of the time before (rtsafe of Numerical Recipes, elementwise). `equation` gives h and h'.
template <class Equation>
at::Tensor safeguarded_newton(const Equation& equation, Bracket bracket, at::Tensor u) {
  at::Tensor last_step = bracket.high - bracket.low;
  for (int i = 0; i < 200; ++i) {
    const auto [h, slope] = equation(u);
    bracket.high = at::where(h > 0, u, bracket.high);
    bracket.low = at::where(h < 0, u, bracket.low);
    const at::Tensor newton = u - h / slope;
    const at::Tensor accepted = at::logical_and(
        at::logical_and(newton >= bracket.low, newton <= bracket.high),
        at::logical_and(slope > 0, (newton - u).abs() <= last_step.abs() / 2));
    const at::Tensor next = at::where(h == 0, u, at::where(accepted, newton, (bracket.low + bracket.high) / 2));
    last_step = next - u;
    u = next;
    const at::Tensor moves = last_step.abs() > 2 * epsilon(u) * u.abs();
    if (!moves.any().item<bool>())
      break;
  }
  return u;
}

// Between 0 and `far`, in order.
Bracket from_zero_to(const at::Tensor& far) {
  return {at::clamp_max(far, 0), at::clamp_min(far, 0)};
}

// The neighbourhood of the best point of a grid. At the minimiser w u^2 <= delta^2 - (inc + delta)^2, so that |u| is at
// most |delta| / sqrt(w), and at most sqrt(2 |inc| |delta| / w).
Bracket best_interval(const Smooth& sigma, const at::Tensor& z, const at::Tensor& delta, double w) {
  const at::Tensor farthest = at::minimum(delta.abs() / std::sqrt(w), (2 * sigma.range() / w * delta.abs()).sqrt());
  const Bracket bracket = from_zero_to(-delta.sign() * farthest);
  constexpr int intervals = 128;
  const at::Tensor width = (bracket.high - bracket.low) / intervals;
  at::Tensor best = bracket.low;
  at::Tensor lowest;
  for (int i = 0; i <= intervals; ++i) {
    const at::Tensor u = bracket.low + i * width;
    const at::Tensor objective = (sigma.increment(z, u) + delta).square() + w * u.square();
    best = i == 0 ? u : at::where(objective < lowest, u, best);
    lowest = i == 0 ? objective : at::minimum(objective, lowest);
  }
  return {at::maximum(best - width, bracket.low), at::minimum(best + width, bracket.high)};
}

}  // namespace

// In u = z - z_k half the derivative of the objective is h(u) = (inc(u) + delta) sigma'(z_k + u) + w u with
// inc(u) = sigma(z_k + u) - sigma(z_k). The minimiser lies on the side of the target, where inc(u) + delta is between 0
// and delta, so that |u| <= |delta| max sigma' / w. There h' >= w - |delta| max |sigma''|: where that is positive,
// there is one root.
at::Tensor quadratic_step(const Smooth& sigma, const at::Tensor& z, const at::Tensor& delta, double w) {
  const auto equation = [&](const at::Tensor& u) {
    const at::Tensor residual = sigma.increment(z, u) + delta;
    const at::Tensor slope = sigma.derivative(z + u);
    return std::pair(residual * slope + w * u, slope.square() + residual * sigma.second_derivative(z + u) + w);
  };
  Bracket bracket = from_zero_to(-sigma.largest_derivative() / w * delta);
  const at::Tensor ambiguous = delta.abs() * sigma.largest_second_derivative() >= w;
  if (ambiguous.any().item<bool>()) {
    const Bracket best = best_interval(sigma, z, delta, w);
    bracket = {at::where(ambiguous, best.low, bracket.low), at::where(ambiguous, best.high, bracket.high)};
  }
  const at::Tensor slope = sigma.derivative(z);
  const at::Tensor start = -delta * slope / (slope.square() + w);
  return -safeguarded_newton(equation, bracket, at::minimum(at::maximum(start, bracket.low), bracket.high));
}

// inc(u) + w u + delta increases in u, and its root lies between 0 and -delta / w.
at::Tensor bregman_step(const Smooth& sigma, const at::Tensor& z, const at::Tensor& delta, double w) {
  const auto equation = [&](const at::Tensor& u) {
    return std::pair(sigma.increment(z, u) + w * u + delta, sigma.derivative(z + u) + w);
  };
  return -safeguarded_newton(equation, from_zero_to(-delta / w), -delta / (sigma.derivative(z) + w));
}

}  // namespace proxprop::lab
