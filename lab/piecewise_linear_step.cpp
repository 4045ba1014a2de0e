#include "lab/piecewise_linear_step.h"

#include <ATen/ATen.h>

namespace proxprop::lab {

// Both steps in u = z - z_k, with slope 1 for z > 0 and s elsewhere. For z_k > 0 the difference sigma(z_k) - z_k is
// exactly zero, and for z_k <= 0 so is sigma(z_k) - s z_k: a step that stays on its side has no cancellation.

// On each side the objective is a parabola; its minimiser there is the vertex, or 0 where the vertex lies on the other
// side. The better of the two wins, and the side of z_k where they are equal.
at::Tensor quadratic_step(const PiecewiseLinear& sigma, const at::Tensor& z, const at::Tensor& delta, double w) {
  const double s = sigma.negative_slope();
  const at::Tensor value = sigma.value(z);
  const at::Tensor above = value - z;
  const at::Tensor below = value - s * z;
  const at::Tensor positive = at::maximum(-z, (above - delta) / (1 + w));
  const at::Tensor negative = at::minimum(-z, s * (below - delta) / (s * s + w));
  const at::Tensor at_positive = (positive - above + delta).square() + w * positive.square();
  const at::Tensor at_negative = (s * negative - below + delta).square() + w * negative.square();
  const at::Tensor positive_wins = at::where(z > 0, at_positive <= at_negative, at_positive < at_negative);
  return -at::where(positive_wins, positive, negative);
}

// The left side increases in z, and is 0 at z = 0: the sign of the right side is the sign of z.
at::Tensor bregman_step(const PiecewiseLinear& sigma, const at::Tensor& z, const at::Tensor& delta, double w) {
  const double s = sigma.negative_slope();
  const at::Tensor value = sigma.value(z);
  const at::Tensor positive = (value - z - delta) / (1 + w);
  const at::Tensor negative = (value - s * z - delta) / (s + w);
  return -at::where(value - delta + w * z > 0, positive, negative);
}

}  // namespace proxprop::lab
