#pragma once

#include "lab/loss.h"
#include "lab/network.h"

#include <cstdint>
#include <vector>

namespace proxprop::lab {

/// rho and gamma of eq. 3, one of each per hidden layer.
struct Penalties {
  std::vector<double> rho;    ///< of |phi(theta_l, a_l-1) - z_l|^2
  std::vector<double> gamma;  ///< of |sigma(z_l) - a_l|^2

  /// rho = gamma = `weight` everywhere; the paper's are 1 / tau (Prop. 1).
  static Penalties uniform(int64_t hidden_layers, double weight);
};

/// Throws c10::Error unless there is one positive, finite number of each kind per hidden layer.
void check(const Penalties& penalties, int64_t hidden_layers);

/// The terms of eq. 3, penalty weights included.
struct Energy {
  double loss = 0;
  std::vector<double> transfer;    ///< rho_l / 2 |phi(theta_l, a_l-1) - z_l|^2
  std::vector<double> activation;  ///< gamma_l / 2 |sigma(z_l) - a_l|^2
  double total() const;
};

/// E(theta, a, z) of eq. 3; theta are the network's parameters. Squares are summed in float64, but the residuals are
/// differences in the network's dtype: give float64 copies where they are small against z and a. Throws c10::Error
/// where the network draws random numbers (dropout), and E is no function.
Energy energy(
    const Network& network,
    const Activations& activations,
    const Loss& loss,
    const at::Tensor& targets,
    const Penalties& penalties);

}  // namespace proxprop::lab
