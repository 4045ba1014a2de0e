#include "lab/loss.h"

#include "lab/softmax_step.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace proxprop::lab {
namespace {

constexpr double kEpsilon = 4 * std::numeric_limits<double>::epsilon();

// The p > 0 with p = exp(t - lambda p), that is lambda p = W(lambda e^t) for Lambert's W. In y = log(lambda p) the
// equation is e^y + y = t + log(lambda), convex and increasing, and Newton from above its root converges monotonically.
at::Tensor shrunken_exponential(const at::Tensor& t, double lambda) {
  const at::Tensor m = t + std::log(lambda);
  at::Tensor y = at::where(m > 1, at::clamp_min(m, 1).log(), m);
  for (int i = 0; i < 50; ++i) {
    const at::Tensor power = y.exp();
    const at::Tensor change = (power + y - m) / (1 + power);
    y = y - change;
    if ((change.abs() > kEpsilon * at::clamp_min(y.abs(), 1)).logical_not().all().item<bool>())
      break;
  }
  const at::Tensor product = y.exp();  // lambda p
  return at::where(m < 0, (t - product).exp(), product / lambda);
}

// softmax(x) at the minimiser x of CE(x) + |x - output|^2 / (2 lambda). With v = output + lambda e_c its optimality is
// x = v - lambda p, p = softmax(x) = exp(v - s - lambda p) with s = logsumexp(x): one unknown s, fixed by sum(p) = 1.
// The sum decreases in s and is convex, and at s = logsumexp(v) - lambda it is at least 1: Newton from there is
// monotone.
at::Tensor proximal_softmax(const at::Tensor& output, const at::Tensor& hot, double lambda) {
  const at::Tensor v = output + lambda * hot;
  at::Tensor s = at::logsumexp(v, 1, /*keepdim=*/true) - lambda;
  at::Tensor p = shrunken_exponential(v - s, lambda);
  for (int i = 0; i < 50; ++i) {
    const at::Tensor change = (p.sum(1, true) - 1) / (p / (1 + lambda * p)).sum(1, true);
    s = s + change;
    p = shrunken_exponential(v - s, lambda);
    if ((change.abs() > kEpsilon * at::clamp_min(s.abs(), 1)).logical_not().all().item<bool>())
      break;
  }
  return p;
}

void check_smoothing(double smoothing) {
  TORCH_CHECK(
      smoothing > 0 && std::isfinite(smoothing), "proxprop: the envelope's smoothing must be positive, got ",
      smoothing);
}

}  // namespace

at::Tensor one_hot(const at::Tensor& classes, const at::Tensor& like) {
  return at::zeros_like(like).scatter_(1, classes.unsqueeze(1), 1.0);
}

at::Tensor CrossEntropy::value(const at::Tensor& output, const at::Tensor& targets) const {
  return at::cross_entropy_loss(output, targets);
}

at::Tensor CrossEntropy::gradient(const at::Tensor& output, const at::Tensor& targets) const {
  return (at::softmax(output, 1) - one_hot(targets, output)) / output.size(0);
}

at::Tensor CrossEntropy::envelope_gradient(
    const at::Tensor& output, const at::Tensor& targets, double smoothing) const {
  check_smoothing(smoothing);
  const at::Tensor exact = output.to(at::kDouble);
  const at::Tensor hot = one_hot(targets, exact);
  const auto records = output.size(0);
  return ((proximal_softmax(exact, hot, smoothing / records) - hot) / records).to(output.scalar_type());
}

at::Tensor CrossEntropy::implicit_gradient(
    const at::Tensor& output, const at::Tensor& targets, const at::Tensor& k) const {
  const at::Tensor exact = output.to(at::kDouble);
  const auto records = output.size(0);
  return (implicit_softmax_error(exact, one_hot(targets, exact), k / records) / records).to(output.scalar_type());
}

at::Tensor CrossEntropy::record_values(const at::Tensor& output, const at::Tensor& targets) const {
  return at::cross_entropy_loss(output, targets, {}, at::Reduction::None);
}

at::Tensor CrossEntropy::hessian_product(const at::Tensor& output, const at::Tensor& change) const {
  const at::Tensor p = at::softmax(output, 1);
  const at::Tensor scaled = p * change;
  return (scaled - p * scaled.sum(1, /*keepdim=*/true)) / output.size(0);
}

at::Tensor SquaredError::value(const at::Tensor& output, const at::Tensor& targets) const {
  return (output - targets).square().sum() / (2 * output.size(0));
}

at::Tensor SquaredError::gradient(const at::Tensor& output, const at::Tensor& targets) const {
  return (output - targets) / output.size(0);
}

at::Tensor SquaredError::envelope_gradient(
    const at::Tensor& output, const at::Tensor& targets, double smoothing) const {
  check_smoothing(smoothing);
  return (output - targets) / (output.size(0) + smoothing);
}

// N g = output - g K - targets.
at::Tensor SquaredError::implicit_gradient(
    const at::Tensor& output, const at::Tensor& targets, const at::Tensor& k) const {
  const at::Tensor system = k + output.size(0) * at::eye(k.size(0), k.options());
  const at::Tensor residual = (output - targets).to(at::kDouble);
  return at::linalg_solve(system, residual.t()).t().to(output.scalar_type());
}

at::Tensor SquaredError::record_values(const at::Tensor& output, const at::Tensor& targets) const {
  return (output - targets).square().sum(1) / 2;
}

at::Tensor SquaredError::hessian_product(const at::Tensor& output, const at::Tensor& change) const {
  return change / output.size(0);
}

}  // namespace proxprop::lab
