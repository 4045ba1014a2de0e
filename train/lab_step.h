#pragma once

#include "train/config.h"
#include "train/observer.h"

#include "lab/network.h"
#include "lab/step_rules.h"
#include "lab/sweep.h"

#include <torch/nn/modules/container/sequential.h>

#include <functional>
#include <vector>

namespace proxprop::train {

/// Method `lab`: one iteration of the paper's algorithms in the place of backpropagation.
class LabStep {
 public:
  /// Throws ConfigError for a rule that there is not, for penalties that are not one per hidden layer, and for a model
  /// that the lab cannot split into the layers and activations of eq. 3.
  LabStep(torch::nn::Sequential model, const MethodConfig& method);

  /// Leaves the directions in `.grad` of the model's parameters; returns the loss before the step. `tau` is the
  /// learning rate that the optimizer is going to take.
  at::Tensor run(const at::Tensor& input, const at::Tensor& labels, double tau) const;

  /// The same, and what each block update does to E of eq. 3; `step` and `epoch` of the events are left to the caller.
  struct Recorded {
    at::Tensor loss;
    std::vector<EnergyEvent> energies;
  };
  Recorded run_recorded(const at::Tensor& input, const at::Tensor& labels, double tau) const;

  /// Whether a sweep's energy is defined: not where the network draws random numbers (dropout).
  bool has_energy() const { return !network_.random(); }

 private:
  lab::SweepOptions sweep_options(double tau) const;

  lab::Network network_;
  lab::StepRules rules_;
  lab::Penalties penalties_;  // in units of 1 / tau
};

}  // namespace proxprop::train
