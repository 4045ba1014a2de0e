#pragma once
// Small networks for the tests of methods with variables for each record.

#include "lab/network.h"

#include <torch/torch.h>

#include <memory>
#include <vector>

namespace proxprop::batch::testing {

/// Fully connected layers of these widths in float64, the activation between them.
inline lab::Network mlp(const std::vector<int64_t>& widths, lab::ActivationPtr activation, uint64_t seed = 1) {
  torch::manual_seed(seed);
  lab::Network network;
  for (size_t l = 0; l + 1 < widths.size(); ++l) {
    if (l > 0)
      network.stage(lab::activation_stage(activation));
    const double scale = 1 / std::sqrt(static_cast<double>(widths[l]));
    network.layer(lab::linear_layer(
        (scale * torch::randn({widths[l + 1], widths[l]}, torch::kDouble)).requires_grad_(),
        (0.1 * torch::randn({widths[l + 1]}, torch::kDouble)).requires_grad_()));
  }
  return network;
}

inline std::vector<lab::ActivationPtr> activations() {
  return {
      std::make_shared<lab::Tanh>(), std::make_shared<lab::Sigmoid>(), std::make_shared<lab::PiecewiseLinear>(0.0),
      std::make_shared<lab::PiecewiseLinear>(0.1)};
}

}  // namespace proxprop::batch::testing
