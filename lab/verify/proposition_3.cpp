// Proposition 3: fixed points are stationary points. V = M^-1 grad with the eigenvalues of M in [beta, beta +
// lambda_max], so |grad| / (beta + lambda_max) <= |V| <= tau_theta |grad|: the two vanish together. For all parameters
// with an explicit layer, whose M is I, the lower bound is |grad| / max(1, beta + c), c the largest lambda_max.

#include "lab/verify/checks.h"
#include "lab/verify/text.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::verify {
namespace {

double length(const at::Tensor& x) {
  return x.norm().item<double>();
}

at::Tensor run(const DirectionRule& direction, const LayerRecord& layer, const at::Tensor& g, double tau_theta) {
  return flatten(direction(*layer.transfer, g, {.tau_theta = tau_theta}).direction);
}

void check_bounds(Rows& rows, const std::string& name, const DenseLayer& dense, const at::Tensor& v, double tau_theta) {
  const double gradient = length(dense.layer.gradient);
  const double slack = rounding(dense.condition(tau_theta));
  const double beta = 1 / tau_theta;
  rows.at_least(name + ": |V| and |grad| / (beta + lambda_max)", length(v), gradient / (beta + dense.lambda_max), slack);
  rows.at_most(name + ": |V| and tau_theta |grad|", length(v), tau_theta * gradient, slack);
}

// g = 0, and a g that is not 0 but orthogonal to the range of phi, so that dJ/dtheta = phi* g = 0.
void check_zeros(Rows& rows, const std::string& name, const DenseLayer& dense, const DirectionRule& direction) {
  const LayerRecord& layer = dense.layer;
  const at::Tensor zero = at::zeros_like(layer.grad_output);
  rows.at_most(name + ": |V| where dJ/dz = 0", length(run(direction, layer, zero, 1)), 0);

  const auto [u, s, vh] = at::linalg_svd(dense.phi, /*full_matrices=*/false);
  const at::Tensor range = u.narrow(1, 0, s.gt(1e-10 * s[0]).sum().item<int64_t>());
  if (range.size(1) == range.size(0))
    return;
  at::Tensor g = layer.grad_output.reshape({-1});
  for (int pass = 0; pass < 2; ++pass)
    g = g - at::mv(range, at::mv(range.t(), g));
  const at::Tensor v = run(direction, layer, g.view_as(layer.grad_output), 1);
  rows.at_most(
      name + ": |V| where phi* dJ/dz = 0, and 1e-13 |phi| |dJ/dz|", length(v),
      1e-13 * std::sqrt(dense.lambda_max) * length(g));
}

// theta <- theta - V for 1/2 |phi theta - t|^2, from 0: the part of the error that belongs to an eigenvalue lambda of
// phi* phi shrinks by beta / (beta + lambda) in each step, so that after n steps
//     |grad| <= |t| max over lambda of sqrt(lambda) (1 + lambda / beta)^-n = |t| sqrt(beta / (2 n - 1)) (1 - 1 / 2n)^n:
// where the steps come to rest, the gradient is 0.
void check_fixed_point(Rows& rows, const std::string& name, const DenseLayer& dense, const DirectionRule& direction) {
  constexpr double tau_theta = 1e4;
  const at::Tensor target = (dense.layer.grad_output / length(dense.layer.grad_output)).reshape({-1});
  at::Tensor theta = at::zeros({dense.phi.size(1)}, target.options());
  const auto residual = [&] { return at::mv(dense.phi, theta) - target; };
  for (int n = 1; n <= 50; ++n) {
    theta = theta - run(direction, dense.layer, residual().view_as(dense.layer.grad_output), tau_theta);
    if (n == 5 || n == 50) {
      rows.at_most(
          name + ": least squares, |grad| after " + std::to_string(n) + " steps and its bound",
          length(at::mv(dense.phi.t(), residual())),
          std::sqrt(1 / tau_theta / (2 * n - 1)) * std::pow(1 - 0.5 / n, n));
    }
  }
}

void check_network(Rows& rows, const DenseNetwork& network, const DirectionRule& direction, double tau_theta) {
  const std::string detail = ", tau_theta " + number(tau_theta);
  std::vector<at::Tensor> directions{network.record.explicit_gradient}, gradients = directions;
  double largest = 0;
  for (const DenseLayer& dense : network.layers) {
    const at::Tensor v = run(direction, dense.layer, dense.layer.grad_output, tau_theta);
    check_bounds(rows, network.name + ", " + dense.layer.name + detail, dense, v, tau_theta);
    directions.push_back(v);
    gradients.push_back(dense.layer.gradient);
    largest = std::max(largest, dense.lambda_max);
  }
  const double v = length(at::cat(directions)), gradient = length(at::cat(gradients));
  const std::string name = network.name + ", all layers" + detail;
  rows.at_least(name + ": |V| and |grad| / max(1, beta + c)", v, gradient / std::max(1.0, 1 / tau_theta + largest));
  rows.at_most(name + ": |V| and max(1, tau_theta) |grad|", v, gradient * std::max(1.0, tau_theta));
}

}  // namespace

std::vector<Row> check_proposition_3(const Problem& problem, const DirectionRule& direction) {
  Rows rows("3");
  for (const DenseNetwork& network : problem.networks) {
    for (const double tau_theta : {0.05, 1.0, 20.0})
      check_network(rows, network, direction, tau_theta);
    for (const DenseLayer& dense : network.layers) {
      const std::string name = network.name + ", " + dense.layer.name;
      check_zeros(rows, name, dense, direction);
      check_fixed_point(rows, name, dense, direction);
    }
  }
  return rows.take();
}

}  // namespace proxprop::verify
