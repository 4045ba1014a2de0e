#include "lab/chain_pass.h"

#include <torch/csrc/autograd/autograd.h>

namespace proxprop::lab {

ChainPass::ChainPass(const std::vector<StagePtr>& chain, const at::Tensor& input) : output_(input) {
  bool behind_activation = false;
  for (const StagePtr& stage : chain) {
    Link link;
    link.stage = stage;
    link.behind_activation = behind_activation;
    if (stage->activation() != nullptr) {
      at::NoGradGuard no_grad;
      link.input = output_;
      link.output = stage->forward(link.input);
      behind_activation = true;
    } else {
      at::AutoGradMode record(true);
      link.input = output_.detach().requires_grad_();
      link.output = stage->forward(link.input);
    }
    output_ = link.output.detach();
    links_.push_back(std::move(link));
  }
}

at::Tensor ChainPass::back(const at::Tensor& displacement, const ActivationStep& step) {
  at::Tensor current = displacement;
  for (auto link = links_.rbegin(); link != links_.rend(); ++link) {
    if (const Activation* activation = link->stage->activation()) {
      current = step(*activation, link->input, current);
      continue;
    }
    std::vector<at::Tensor> inputs{link->input};
    for (const at::Tensor& parameter : link->stage->parameters())
      inputs.push_back(parameter);
    std::vector<at::Tensor> adjoints = torch::autograd::grad({link->output}, inputs, {current});
    current = adjoints.front();
    adjoints.erase(adjoints.begin());
    link->adjoints = std::move(adjoints);
  }
  return current;
}

std::vector<at::Tensor> ChainPass::parameter_gradients(double gamma, double tau) const {
  std::vector<at::Tensor> gradients;
  for (const Link& link : links_) {
    for (const at::Tensor& adjoint : link.adjoints)
      gradients.push_back(link.behind_activation ? adjoint * gamma : adjoint / tau);
  }
  return gradients;
}

}  // namespace proxprop::lab
