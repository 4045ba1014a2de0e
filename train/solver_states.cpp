#include "train/solver_states.h"

#include "train/errors.h"
#include "train/rules/directed_layer.h"

#include <proxprop/nn/proximal_layer.h>

#include <c10/util/Exception.h>

#include <string>
#include <vector>

namespace proxprop::train {
namespace {

std::vector<at::Tensor> state_of(const torch::nn::Module& module) {
  if (const auto* layer = dynamic_cast<const nn::ProximalLayer*>(&module))
    return layer->solver_state();
  if (const auto* layer = dynamic_cast<const DirectedLayer*>(&module))
    return layer->rule().state();
  return {};
}

void restore_state(torch::nn::Module& module, const std::vector<at::Tensor>& kept) {
  if (auto* layer = dynamic_cast<nn::ProximalLayer*>(&module))
    layer->load_solver_state(kept);
  if (const auto* layer = dynamic_cast<const DirectedLayer*>(&module))
    layer->rule().restore(kept);
}

bool may_keep_state(const torch::nn::Module& module) {
  return dynamic_cast<const nn::ProximalLayer*>(&module) != nullptr ||
         dynamic_cast<const DirectedLayer*>(&module) != nullptr;
}

}  // namespace

TensorMap solver_states(const torch::nn::Module& model) {
  TensorMap states;
  for (const auto& child : model.named_children()) {
    const std::vector<at::Tensor> kept = state_of(*child.value());
    for (size_t i = 0; i < kept.size(); ++i)
      states.emplace(child.key() + "." + std::to_string(i), kept[i].to(at::kCPU));
  }
  return states;
}

void restore_solver_states(torch::nn::Module& model, const TensorMap& states, at::Device device) {
  size_t used = 0;
  for (const auto& child : model.named_children()) {
    if (!may_keep_state(*child.value()))
      continue;
    std::vector<at::Tensor> kept;
    for (auto found = states.end();
         (found = states.find(child.key() + "." + std::to_string(kept.size()))) != states.end();) {
      kept.push_back(found->second.to(device));
    }
    used += kept.size();
    try {
      restore_state(*child.value(), kept);
    } catch (const c10::Error& error) {
      throw CheckpointError("the solver's state of layer " + child.key() + ": " + error.what_without_backtrace());
    }
  }
  require<CheckpointError>(used == states.size(), "the solvers' state is of another model");
}

}  // namespace proxprop::train
