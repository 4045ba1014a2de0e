#include <proxprop/distributed/data_parallel.h>

#include "prox/ranks.h"

#include <proxprop/nn/proximal_layer.h>

#include <ATen/ATen.h>

#include <map>

namespace proxprop {

namespace {

bool is_proximal(const nn::ProximalLayer* layer) {
  return layer != nullptr && !std::holds_alternative<Gradient>(layer->proximal_options().solver);
}

}  // namespace

void join(torch::nn::Module& module, const std::shared_ptr<Communicator>& communicator) {
  module.apply([&](torch::nn::Module& child) {
    if (auto* layer = dynamic_cast<nn::ProximalLayer*>(&child)) {
      auto step = layer->proximal_options();
      step.communicator = communicator;
      layer->set_proximal_options(step);
    }
  });
}

std::vector<at::Tensor> explicit_parameters(const torch::nn::Module& module) {
  std::vector<at::Tensor> found;
  module.apply([&](const torch::nn::Module& child) {
    if (is_proximal(dynamic_cast<const nn::ProximalLayer*>(&child))) {
      return;
    }
    for (const auto& parameter : child.parameters(/*recurse=*/false)) {
      if (parameter.requires_grad()) {
        found.push_back(parameter);
      }
    }
  });
  return found;
}

void average(const std::vector<at::Tensor>& tensors, Communicator& communicator) {
  std::map<at::ScalarType, std::vector<at::Tensor>> by_dtype;
  for (const auto& tensor : tensors) {
    by_dtype[tensor.scalar_type()].push_back(tensor);
  }
  for (const auto& [dtype, group] : by_dtype) {
    auto sums = group;
    sum_over_ranks(communicator, sums);
    for (size_t i = 0; i < group.size(); ++i) {
      group[i].copy_(sums[i].div_(communicator.size()));
    }
  }
}

void average_gradients(const std::vector<at::Tensor>& parameters, Communicator& communicator) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (auto parameter : parameters) {
    if (!parameter.grad().defined()) {
      parameter.mutable_grad() = at::zeros_like(parameter);
    }
    gradients.push_back(parameter.grad());
  }
  average(gradients, communicator);
}

}  // namespace proxprop
