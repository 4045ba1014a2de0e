#pragma once

#include "lab/energy.h"
#include "lab/network.h"
#include "lab/step_rules.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::lab {

/// Algorithm 1 of the paper: every step explicit. With rho = gamma = 1 / tau it is gradient descent (Prop. 1).
StepRules algorithm_1();
/// Algorithm 2: proximal steps in theta (eq. 11), all others explicit.
StepRules algorithm_2(const ProximalOptions& options);

/// A batch, and what is minimised over it.
struct Batch {
  at::Tensor input;
  at::Tensor targets;
};

struct SweepOptions {
  double tau = 1;       ///< step size of all blocks
  Penalties penalties;  ///< empty: rho = gamma = 1 / tau

  /// The penalties, the default filled in. Throws c10::Error for numbers that are not positive and finite.
  Penalties checked_penalties(int64_t hidden_layers) const;
};

/// What one sweep did. New values are old values less displacements; new parameters are old ones less tau times the
/// direction, so that SGD with learning rate tau takes exactly the paper's step, and any optimizer can take another.
struct Sweep {
  at::Tensor loss;                                        ///< J at theta_k, a scalar
  Activations activations;                                ///< of the forward pass: a_k, z_k
  std::vector<at::Tensor> a_displacement;                 ///< a_k - a_{k+1/2}, one per layer; undefined for the data
  std::vector<at::Tensor> z_displacement;                 ///< z_k - z_{k+1/2}, one per hidden layer
  std::vector<std::vector<at::Tensor>> directions;        ///< (theta_k - theta_{k+1}) / tau, per layer, per parameter
  std::vector<std::vector<at::Tensor>> stage_directions;  ///< of the chains' parameters, one list per chain
  std::vector<StepSummary> summaries;                     ///< of the theta steps, one per layer
};

/// A block of variables of eq. 3; `last` is theta_{L-1}.
enum class Block { last, z, a, theta };
const char* to_string(Block block);  ///< "last", "z", "a", "theta"

/// Told after each block update, in the order of the algorithm: last and a of the last layer, both by the last rule,
/// then z, theta and a for each layer from above. (a before theta in the paper; each takes the other's old value, so
/// that the order between them is free.) The sweep holds all displacements so far; a's of `layer` is that of its input.
using BlockObserver = std::function<void(Block block, int64_t layer, const Sweep& so_far)>;

/// One iteration of Algorithm 1 or 2 (paper, section 3), by these rules. The parameters are not changed. Throws
/// c10::Error for step sizes or penalties that are not positive and finite, and where a rule does not know an
/// activation or a layer.
Sweep sweep(
    const Network& network,
    const Batch& batch,
    const Loss& loss,
    const StepRules& rules,
    const SweepOptions& options,
    const BlockObserver& observer = {});

/// Puts the directions into `.grad` of the network's parameters, where a torch optimizer looks for them.
void set_gradients(const Network& network, const Sweep& sweep);

}  // namespace proxprop::lab
