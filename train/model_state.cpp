#include "train/model_state.h"

#include "train/errors.h"

#include <torch/utils.h>

namespace proxprop::train {
namespace {

// Shares memory with the model.
TensorMap live_tensors(const torch::nn::Module& model) {
  TensorMap tensors;
  for (const auto& entry : model.named_parameters())
    tensors.emplace(entry.key(), entry.value());
  for (const auto& entry : model.named_buffers())
    tensors.emplace(entry.key(), entry.value());
  return tensors;
}

}  // namespace

TensorMap model_state(const torch::nn::Module& model) {
  TensorMap state = live_tensors(model);
  for (auto& [name, tensor] : state)
    tensor = tensor.detach().to(at::kCPU, tensor.scalar_type(), false, /*copy=*/true);
  return state;
}

void load_model_state(torch::nn::Module& model, const TensorMap& state) {
  TensorMap tensors = live_tensors(model);
  for (const auto& [name, tensor] : tensors) {
    const auto stored = state.find(name);
    require<CheckpointError>(stored != state.end(), "the weights lack ", name, ", which the model has");
    require<CheckpointError>(
        stored->second.sizes() == tensor.sizes() && stored->second.scalar_type() == tensor.scalar_type(),
        "the weights' ", name, " is ", stored->second.scalar_type(), stored->second.sizes(), ", the model's ",
        tensor.scalar_type(), tensor.sizes());
  }
  for (const auto& [name, tensor] : state) {
    require<CheckpointError>(tensors.contains(name), "the weights hold ", name, ", which the model lacks");
  }
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors)
    tensor.copy_(state.at(name));
}

}  // namespace proxprop::train
