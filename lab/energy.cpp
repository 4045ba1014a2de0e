#include "lab/energy.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numeric>

namespace proxprop::lab {
namespace {

double half_square(const at::Tensor& residual) {
  return residual.to(at::kDouble).square().sum().item<double>() / 2;
}

void check_weights(const char* name, const std::vector<double>& weights, int64_t hidden_layers) {
  TORCH_CHECK(
      static_cast<int64_t>(weights.size()) == hidden_layers, "proxprop: ", name, " needs one number for each of the ",
      hidden_layers, " hidden layers, got ", weights.size());
  for (const double weight : weights)
    TORCH_CHECK(weight > 0 && std::isfinite(weight), "proxprop: ", name, " must be positive and finite, got ", weight);
}

}  // namespace

Penalties Penalties::uniform(int64_t hidden_layers, double weight) {
  const std::vector<double> all(hidden_layers, weight);
  return {all, all};
}

void check(const Penalties& penalties, int64_t hidden_layers) {
  check_weights("rho", penalties.rho, hidden_layers);
  check_weights("gamma", penalties.gamma, hidden_layers);
}

double Energy::total() const {
  const double transfers = std::accumulate(transfer.begin(), transfer.end(), 0.0);
  return loss + transfers + std::accumulate(activation.begin(), activation.end(), 0.0);
}

Energy energy(
    const Network& network,
    const Activations& activations,
    const Loss& loss,
    const at::Tensor& targets,
    const Penalties& penalties) {
  at::NoGradGuard no_grad;
  network.check_complete();
  check(penalties, network.hidden_count());
  TORCH_CHECK(!network.random(), "proxprop: a network with dropout has no energy; remove it, or call eval() on it");
  const auto& [a, z] = activations;
  Energy result;
  for (int64_t l = 0; l < network.hidden_count(); ++l) {
    result.transfer.push_back(penalties.rho[l] * half_square(network.layer(l).apply(a[l]) - z[l]));
    result.activation.push_back(penalties.gamma[l] * half_square(network.run_chain(l + 1, z[l]) - a[l + 1]));
  }
  const at::Tensor output = network.layer(network.hidden_count()).apply(a.back());
  result.loss = loss.value(output, targets).item<double>();
  return result;
}

}  // namespace proxprop::lab
