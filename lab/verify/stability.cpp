// Section 4.1: the implicit step for f(theta) = 1/2 |phi theta - t|^2 is theta+ = theta - V with g = phi theta - t. It
// minimises f + |. - theta|^2 / (2 tau_theta), so f(theta+) + |V|^2 / (2 tau_theta) <= f(theta) for every tau_theta. The
// explicit step theta - tau grad f multiplies the part of the error that belongs to an eigenvalue lambda of the Hessian
// phi* phi by 1 - tau lambda: it blows up where tau lambda_max > 2.

#include "lab/verify/checks.h"
#include "lab/verify/text.h"

#include <ATen/ATen.h>

#include <cmath>

namespace proxprop::verify {
namespace {

constexpr int steps = 10;

/// f of one layer, its phi a matrix.
struct LeastSquares {
  const DenseLayer& dense;
  at::Tensor target;

  at::Tensor residual(const at::Tensor& theta) const { return at::mv(dense.phi, theta) - target; }
  double value(const at::Tensor& theta) const { return 0.5 * residual(theta).square().sum().item<double>(); }
};

void check_layer(Rows& rows, const std::string& name, const LeastSquares& f, const DirectionRule& direction) {
  const LayerRecord& layer = f.dense.layer;
  const at::Tensor start = flatten(layer.parameters);
  const double before = f.value(start);
  for (int decade = -6; decade <= 6; ++decade) {
    const double tau = std::pow(10.0, decade);
    const std::string detail = name + ", step size " + number(tau);
    const at::Tensor g = f.residual(start).view_as(layer.grad_output);
    const at::Tensor v = flatten(direction(*layer.transfer, g, {.tau_theta = tau}).direction);
    const double penalty = v.square().sum().item<double>() / (2 * tau);
    rows.at_most(
        detail + ": implicit, f(theta+) + |V|^2 / (2 tau_theta) and f(theta)", f.value(start - v) + penalty, before,
        1e-12);

    at::Tensor theta = start;
    for (int step = 0; step < steps; ++step)
      theta = theta - tau * at::mv(f.dense.phi.t(), f.residual(theta));
    const std::string explicit_case = detail + ": explicit, f after 10 steps and f(theta)";
    if (tau * f.dense.lambda_max > 2)
      rows.greater(explicit_case, f.value(theta), before);
    else
      rows.less(explicit_case, f.value(theta), before);
  }
}

}  // namespace

std::vector<Row> check_stability(const Problem& problem, const DirectionRule& direction) {
  Rows rows("stability");
  for (const DenseNetwork& network : problem.networks) {
    const DenseLayer& dense = network.layers.front();
    // The paper's target z - g, g as long as z: far enough that a step changes f.
    const at::Tensor z = at::mv(dense.phi, flatten(dense.layer.parameters));
    const at::Tensor g = dense.layer.grad_output.reshape({-1});
    const LeastSquares f{dense, z - g * (z.norm() / g.norm())};
    check_layer(rows, network.name + ", " + dense.layer.name, f, direction);
  }
  return rows.take();
}

}  // namespace proxprop::verify
