#pragma once

#include "train/config.h"
#include "train/observer.h"
#include "train/safetensors.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace proxprop::train {

/// What a whole step did.
struct StepOutcome {
  at::Tensor loss;         ///< before the step
  double evaluations = 0;  ///< gradient evaluations over the step's records, counted as in EpochEvent
  bool taken = true;       ///< false: the step that was found is zero
};

/// A method that changes the parameters itself, in the place of backpropagation and an optimizer: `hessian_free`,
/// `sfo`, `mac` and `admm`. The optimizer, its learning rate and the schedule have no part in it.
class WholeStep {
 public:
  virtual ~WholeStep() = default;
  /// Before each step: the indices of its records, where the method does not leave them to the sampler.
  virtual std::optional<at::Tensor> choose_records() { return std::nullopt; }
  /// One step over these records.
  virtual StepOutcome take(const at::Tensor& input, const at::Tensor& labels) = 0;

  /// What the method keeps from step to step, on the CPU, and the inverse, onto the model's device. `restore` throws
  /// CheckpointError for what no such method keeps.
  virtual TensorMap state() const = 0;
  virtual void restore(const TensorMap& state) = 0;
};

/// Null for a method that trains by an optimizer. Throws ConfigError for numbers, and for models that the method does
/// not know how to train.
std::unique_ptr<WholeStep> make_whole_step(const Config& config, torch::nn::Sequential model, int64_t train_records);

/// Throws ConfigError for numbers of these methods, and for settings that have no part in them.
void check_whole_step(const Config& config);

/// Whether the method is one of these.
bool takes_whole_steps(const MethodConfig& method);

/// The rows of a plan say so where the method is: no layer has a solver or route of its own.
void tell_whole_steps(const MethodConfig& method, std::vector<LayerPlan>& plan);

/// Whether a step goes over all training records in their own order, and not in that of the sampler: mac and admm,
/// which have variables for each record, and the optimizer lbfgs, which compares gradients of one function.
bool keeps_order(const Config& config);

/// Records per step, of so many training records: train.batch_size, method.hf_gradient_batch, or all.
int64_t records_per_step(const Config& config, int64_t train_records);

}  // namespace proxprop::train
