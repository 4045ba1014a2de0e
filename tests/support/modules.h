#pragma once
// What tests of layers say over and over.

#include "support/dense_reference.h"

#include <torch/torch.h>

#include <vector>

namespace proxprop::testing {

inline at::Tensor random(const std::vector<int64_t>& size) {
  return torch::randn(size, torch::kDouble);
}

inline void zero_grad(torch::nn::Module& module) {
  module.zero_grad(/*set_to_none=*/true);
}

/// The gradients of all parameters, flattened and joined, float64.
inline at::Tensor gradients(const torch::nn::Module& module) {
  std::vector<at::Tensor> all;
  for (const auto& parameter : module.parameters()) {
    all.push_back(parameter.grad());
  }
  return flatten(all);
}

}  // namespace proxprop::testing
