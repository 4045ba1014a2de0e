#pragma once
// What all layers and stages do with their parameters.

#include <ATen/core/Tensor.h>

#include <vector>

namespace proxprop::lab {

inline bool is_trained(const at::Tensor& parameter) {
  return parameter.defined() && parameter.requires_grad();
}

/// Those that are trained, in their order.
inline std::vector<at::Tensor> trained_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> trained;
  for (const auto& parameter : parameters) {
    if (is_trained(parameter))
      trained.push_back(parameter);
  }
  return trained;
}

/// A leaf of its own; undefined stays undefined.
inline at::Tensor copy_of(const at::Tensor& parameter, at::ScalarType dtype) {
  if (!parameter.defined())
    return parameter;
  return parameter.detach().to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_(parameter.requires_grad());
}

}  // namespace proxprop::lab
