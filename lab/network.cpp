#include "lab/network.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop::lab {
namespace {

bool has_activation(const std::vector<StagePtr>& chain) {
  return std::any_of(chain.begin(), chain.end(), [](const StagePtr& stage) { return stage->activation() != nullptr; });
}

}  // namespace

Network& Network::layer(LayerPtr layer) {
  const bool between_layers = !layers_.empty();
  if (between_layers && !has_activation(chains_.back()))
    chains_.back().insert(chains_.back().begin(), activation_stage(std::make_shared<PiecewiseLinear>(1.0)));
  layers_.push_back(std::move(layer));
  chains_.emplace_back();
  return *this;
}

Network& Network::stage(StagePtr stage) {
  TORCH_CHECK(
      stage->activation() == nullptr || !has_activation(chains_.back()), "proxprop: ", stage->activation()->name(),
      " is the second activation between two layers; sigma has one: make one Activation of both, or put a layer "
      "between them");
  chains_.back().push_back(std::move(stage));
  return *this;
}

Activations Network::forward(const at::Tensor& input) const {
  check_complete();
  Activations activations;
  activations.a.push_back(run_chain(0, input));
  for (int64_t l = 0; l < layer_count(); ++l) {
    activations.z.push_back(layer(l).apply(activations.a.back()));
    if (l < hidden_count())
      activations.a.push_back(run_chain(l + 1, activations.z.back()));
  }
  return activations;
}

at::Tensor Network::run_chain(int64_t index, const at::Tensor& z) const {
  at::NoGradGuard no_grad;
  at::Tensor value = z;
  for (const StagePtr& stage : chain(index))
    value = stage->forward(value);
  return value;
}

bool Network::random() const {
  for (const auto& chain : chains_) {
    if (std::any_of(chain.begin(), chain.end(), [](const StagePtr& stage) { return stage->random(); }))
      return true;
  }
  return false;
}

void Network::check_complete() const {
  TORCH_CHECK(!layers_.empty() && chains_.back().empty(), "proxprop: a network must have a layer, and end in one");
}

Network Network::copy(at::ScalarType dtype) const {
  Network result;
  for (size_t i = 0; i < chains_.size(); ++i) {
    for (const StagePtr& stage : chains_[i])
      result.stage(stage->copy(dtype));
    if (i < layers_.size())
      result.layer(layers_[i]->copy(dtype));
  }
  return result;
}

}  // namespace proxprop::lab
