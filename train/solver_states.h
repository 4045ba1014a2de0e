#pragma once

#include "train/safetensors.h"

#include <c10/core/Device.h>
#include <torch/nn/module.h>

namespace proxprop::train {

/// What the solvers of the model's proximal layers (see `keeps_state`), or the rules of its directed layers, keep from
/// step to step, by layer and number: "3.0", "3.1". On the CPU; shares no memory with the layers. Empty for solvers and
/// rules that keep nothing.
TensorMap solver_states(const torch::nn::Module& model);

/// The inverse, onto `device`. Layers that are not in `states` start anew. Throws CheckpointError for layers that the
/// model lacks and for what no solver keeps.
void restore_solver_states(torch::nn::Module& model, const TensorMap& states, at::Device device);

}  // namespace proxprop::train
