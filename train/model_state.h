#pragma once

#include "train/safetensors.h"

#include <torch/nn/module.h>

namespace proxprop::train {

/// Parameters and buffers by their torch.nn names; copies, on the CPU.
TensorMap model_state(const torch::nn::Module& model);

/// The inverse. Throws CheckpointError, and changes nothing, unless names, shapes and types are those of the model.
void load_model_state(torch::nn::Module& model, const TensorMap& state);

}  // namespace proxprop::train
