#include "train/solver_states.h"

#include "train/errors.h"

#include <proxprop/nn/proximal_layer.h>

#include <c10/util/Exception.h>

#include <string>
#include <vector>

namespace proxprop::train {

TensorMap solver_states(const torch::nn::Module& model) {
  TensorMap states;
  for (const auto& child : model.named_children()) {
    const auto* layer = dynamic_cast<const nn::ProximalLayer*>(child.value().get());
    if (layer == nullptr)
      continue;
    const std::vector<at::Tensor> kept = layer->solver_state();
    for (size_t i = 0; i < kept.size(); ++i)
      states.emplace(child.key() + "." + std::to_string(i), kept[i].to(at::kCPU));
  }
  return states;
}

void restore_solver_states(torch::nn::Module& model, const TensorMap& states, at::Device device) {
  size_t used = 0;
  for (const auto& child : model.named_children()) {
    auto* layer = dynamic_cast<nn::ProximalLayer*>(child.value().get());
    if (layer == nullptr)
      continue;
    std::vector<at::Tensor> kept;
    for (auto found = states.end();
         (found = states.find(child.key() + "." + std::to_string(kept.size()))) != states.end();) {
      kept.push_back(found->second.to(device));
    }
    used += kept.size();
    try {
      layer->load_solver_state(kept);
    } catch (const c10::Error& error) {
      throw CheckpointError("the solver's state of layer " + child.key() + ": " + error.what_without_backtrace());
    }
  }
  require<CheckpointError>(used == states.size(), "the solvers' state is of another model");
}

}  // namespace proxprop::train
