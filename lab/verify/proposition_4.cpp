// Proposition 4: V is a descent direction, with an angle to the gradient that stays away from a right one.
//
// Per layer, V = M^-1 grad with kappa = kappa(M) gives cos >= 1 / kappa (eq. 33). Kantorovich's inequality,
// <x, M x> >= 2 sqrt(kappa) / (1 + kappa) |x| |M x| for x = V, is sharper: both tend to 0, but like 1 and like 1/2
// power of kappa.
//
// For all parameters M is block diagonal, with I as the block of the explicit layer. The eigenvalues of M^-1 lie
// between min(1, 1 / (beta + c)) and max(1, tau_theta), c being the largest lambda_max of a layer, so that
//     kappa <= max(1, tau_theta) max(1, beta + c)   and   cos >= min(1, 1 / (beta + c)) / max(1, tau_theta).
//
// Activations in [-1, 1] of n units give lambda_max <= trace = sum of |a|^2 + 1 <= N (n + 1): a c that holds for all
// parameters, and so for a whole training run.

#include "lab/verify/checks.h"
#include "lab/verify/least.h"
#include "lab/verify/text.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>

namespace proxprop::verify {
namespace {

constexpr double rounding_of_a_cosine = 1e-12;

double cosine(const at::Tensor& x, const at::Tensor& y) {
  return (x.dot(y) / (x.norm() * y.norm())).item<double>();
}

double kantorovich(double condition) {
  return 2 * std::sqrt(condition) / (1 + condition);
}

at::Tensor run(const DirectionRule& direction, const LayerRecord& layer, double tau_theta) {
  return flatten(direction(*layer.transfer, layer.grad_output, {.tau_theta = tau_theta}).direction);
}

void check_layer(Rows& rows, const std::string& name, const DenseLayer& dense, const at::Tensor& v, double tau_theta) {
  const at::Tensor& gradient = dense.layer.gradient;
  const double condition = dense.condition(tau_theta);
  rows.greater(name + ": <V, grad>", v.dot(gradient).item<double>(), 0);
  const double cos = cosine(v, gradient);
  rows.at_least(name + ": cos and 1 / kappa", cos, 1 / condition, rounding_of_a_cosine);
  rows.at_least(name + ": cos and 2 sqrt(kappa) / (1 + kappa)", cos, kantorovich(condition), rounding_of_a_cosine);
}

/// Directions and gradients of all layers, the explicit one last.
struct Whole {
  at::Tensor direction, gradient;
};

Whole whole(const NetworkRecord& record, const DirectionRule& direction, double tau_theta) {
  std::vector<at::Tensor> directions, gradients;
  for (const LayerRecord& layer : record.layers) {
    directions.push_back(run(direction, layer, tau_theta));
    gradients.push_back(layer.gradient);
  }
  directions.push_back(record.explicit_gradient);
  gradients.push_back(record.explicit_gradient);
  return {at::cat(directions), at::cat(gradients)};
}

void check_network(Rows& rows, const DenseNetwork& network, const DirectionRule& direction, double tau_theta) {
  const std::string detail = ", tau_theta " + number(tau_theta);
  double largest = 0;
  for (const DenseLayer& dense : network.layers) {
    const at::Tensor v = run(direction, dense.layer, tau_theta);
    check_layer(rows, network.name + ", " + dense.layer.name + detail, dense, v, tau_theta);
    largest = std::max(largest, dense.lambda_max);
  }
  const Whole all = whole(network.record, direction, tau_theta);
  const std::string name = network.name + ", all layers" + detail;
  const double top = 1 / tau_theta + largest;
  const double cos = cosine(all.direction, all.gradient);
  rows.at_least(
      name + ": cos and min(1, 1 / (beta + c)) / max(1, tau_theta)", cos,
      std::min(1.0, 1 / top) / std::max(1.0, tau_theta), rounding_of_a_cosine);
  rows.at_least(
      name + ": cos and 2 sqrt(kappa) / (1 + kappa)", cos, kantorovich(std::max(1.0, tau_theta) * std::max(1.0, top)),
      rounding_of_a_cosine);
}

std::vector<at::Tensor> parameters(const NetworkRecord& record) {
  std::vector<at::Tensor> all;
  for (const LayerRecord& layer : record.layers)
    all.insert(all.end(), layer.parameters.begin(), layer.parameters.end());
  all.insert(all.end(), record.explicit_parameters.begin(), record.explicit_parameters.end());
  return all;
}

// J itself, not its gradient: (J(theta + h V) - J(theta - h V)) / 2 h = <grad, V> + O(h^2).
void check_directional_derivative(
    Rows& rows,
    const std::string& name,
    torch::nn::Sequential model,
    const Batch& batch,
    const DirectionRule& direction) {
  constexpr double h = 1e-4;
  const NetworkRecord point = record(model, batch);
  const Whole all = whole(point, direction, 1);
  const at::Tensor v = all.direction / all.direction.norm();
  const auto value = [&](double step) {
    move(parameters(point), v, step);
    const at::Tensor j = loss(model, batch).detach();
    move(parameters(point), v, -step);
    return j;
  };
  rows.equal(name + ": dJ along V and <V, grad>, |V| = 1", (value(h) - value(-h)) / (2 * h), v.dot(all.gradient), 1e-6);
}

// A run of full-batch ProxProp steps with tanh: the least cosine, against the bound that no activation can break.
void check_run(Rows& rows, const Problem& problem, const DirectionRule& direction, double tau_theta) {
  constexpr int steps = 30;
  constexpr int64_t records = 64;
  const Batch batch = first(problem.data, records);
  torch::nn::Sequential model = make_mlp("tanh", problem.seed);
  Least least;
  for (int step = 0; step < steps; ++step) {
    const NetworkRecord point = record(model, batch);
    const Whole all = whole(point, direction, tau_theta);
    least.add(cosine(all.direction, all.gradient));
    move(parameters(point), all.direction, -0.5);
  }
  const double c = records * (49 + 1);  // the widest layer sees 49 pixels in [0, 1]
  const double kappa = std::max(1.0, tau_theta) * std::max(1.0, 1 / tau_theta + c);
  rows.at_least(
      "mlp tanh, 30 steps, all layers, tau_theta " + number(tau_theta) + ": least cos and its bound with c = N (n + 1)",
      least.value(), kantorovich(kappa), rounding_of_a_cosine);
}

}  // namespace

std::vector<Row> check_proposition_4(const Problem& problem, const DirectionRule& direction) {
  Rows rows("4");
  for (const double tau_theta : {0.05, 1.0, 20.0}) {
    for (const DenseNetwork& network : problem.networks)
      check_network(rows, network, direction, tau_theta);
    check_run(rows, problem, direction, tau_theta);
  }
  const Batch batch = first(problem.data, 64);
  check_directional_derivative(rows, "mlp tanh, random", make_mlp("tanh", problem.seed), batch, direction);
  check_directional_derivative(rows, "convnet tanh, random", make_convnet("tanh", problem.seed), batch, direction);
  return rows.take();
}

}  // namespace proxprop::verify
