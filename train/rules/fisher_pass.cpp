#include "train/rules/fisher_pass.h"

#include "train/rules/directed_layer.h"

#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>

#include <algorithm>

namespace proxprop::train {

FisherPass::FisherPass(torch::nn::Sequential& model) {
  for (const auto& child : model->children()) {
    const auto* layer = dynamic_cast<const DirectedLayer*>(child.get());
    auto* rule = layer != nullptr ? dynamic_cast<KfacRule*>(&layer->rule()) : nullptr;
    if (rule == nullptr)
      continue;
    rules_.push_back(rule);
    for (const at::Tensor& parameter : child->parameters())
      parameters_.push_back(parameter);
  }
}

void FisherPass::run(const at::Tensor& output) {
  evaluations_ = 0;
  const auto wants = [](const KfacRule* rule) { return rule->wants_fisher_pass(); };
  if (std::none_of(rules_.begin(), rules_.end(), wants))
    return;
  // The largest logit after Gumbel noise, which unlike `multinomial` gives some label where the output is not finite.
  const at::Tensor labels = (output.detach() - at::empty_like(output).exponential_().log()).argmax(1);
  for (KfacRule* rule : rules_)
    rule->set_fisher_pass(true);
  torch::autograd::backward(
      {torch::nn::functional::cross_entropy(output, labels)}, {}, /*retain_graph=*/true, /*create_graph=*/false,
      parameters_);
  for (KfacRule* rule : rules_)
    rule->set_fisher_pass(false);
  evaluations_ = 2.0 / 3.0;
}

}  // namespace proxprop::train
