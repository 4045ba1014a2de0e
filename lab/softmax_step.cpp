#include "lab/softmax_step.h"

#include <ATen/ATen.h>

#include <limits>

namespace proxprop::lab {
namespace {

// A point e of the iteration, one per row; `residual` is zero at the solution.
struct Point {
  at::Tensor e, output, p, residual;
};

Point at_point(const at::Tensor& e, const at::Tensor& start, const at::Tensor& hot, const at::Tensor& k) {
  Point point;
  point.e = e;
  point.output = start - at::mm(e, k);
  point.p = at::softmax(point.output, 1);
  point.residual = e - (point.p - hot);
  return point;
}

// (I + H K) d = -residual, H = diag(p) - p p^T the Hessian of the cross-entropy.
at::Tensor newton_direction(const Point& point, const at::Tensor& k) {
  const at::Tensor h = at::diag_embed(point.p) - point.p.unsqueeze(2) * point.p.unsqueeze(1);
  const at::Tensor system = at::matmul(h, k) + at::eye(k.size(0), k.options());
  return -at::linalg_solve(system, point.residual.unsqueeze(2)).squeeze(2);
}

// Shares of the Newton steps, [N, 1]: 1, halved while the step goes beyond the minimum on its line, but not below the
// share that never does (see below).
at::Tensor shares(
    const Point& point, const at::Tensor& d, const at::Tensor& start, const at::Tensor& hot, const at::Tensor& k) {
  const at::Tensor dk = at::mm(d, k);
  const at::Tensor reach = dk.amax(1, true) - dk.amin(1, true);
  const at::Tensor safe = at::where(reach > 0, at::log1p(reach) / reach, at::ones_like(reach));
  at::Tensor share = at::ones_like(reach);
  while (true) {
    const Point next = at_point(point.e + share * d, start, hot, k);
    const at::Tensor slope = (next.residual * dk).sum(1, true);
    const at::Tensor too_far = at::logical_and(slope > 0, share > safe);
    if (!too_far.any().item<bool>())
      return share;
    share = at::where(too_far, at::maximum(share / 2, safe), share);
  }
}

}  // namespace

// Newton on f(a) = CE(theta a + b) + |a - a_old|^2 / 2 at a = a_old - theta^T e, which needs theta by K alone: grad f =
// -theta^T r with r the residual, and a step -theta^T d has the derivative <r, K d>. f is strictly convex. Along a line
// the third derivative of log-sum-exp is at most D = max(y') - min(y') times the second, y' = -K d the change of the
// output, so that the derivative after a share s of the Newton step is at most (1 - (exp(D s) - 1) / D) of the one
// before: not beyond the minimum for s <= log(1 + D) / D. That share decreases f for certain, and tends to 1.
at::Tensor implicit_softmax_error(const at::Tensor& output, const at::Tensor& hot, const at::Tensor& k) {
  Point point = at_point(at::softmax(output, 1) - hot, output, hot, k);
  for (int i = 0; i < 200; ++i) {
    const at::Tensor d = newton_direction(point, k);
    const at::Tensor change = shares(point, d, output, hot, k) * d;
    point = at_point(point.e + change, output, hot, k);
    // The softmax is known to eps |output|.
    const at::Tensor rounding =
        4 * std::numeric_limits<double>::epsilon() * (1 + point.output.abs().amax(1, /*keepdim=*/true));
    if (!(change.abs() > rounding).any().item<bool>())
      break;
  }
  return point.e;
}

}  // namespace proxprop::lab
