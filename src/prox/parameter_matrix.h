#pragma once
// The parameters of a transfer as the rows of one matrix, [groups, O / groups, d]: each parameter flattened behind its
// first dimension, side by side.

#include <proxprop/prox/linear_transfer.h>

#include <ATen/ATen.h>

#include <vector>

namespace proxprop {

inline at::Tensor to_matrix(at::TensorList parameters, const Dimensions& dimensions) {
  std::vector<at::Tensor> blocks;
  blocks.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    blocks.push_back(parameter.reshape({dimensions.outputs, -1}));
  }
  const auto matrix = blocks.size() == 1 ? blocks.front() : at::cat(blocks, 1);
  return matrix.view({dimensions.groups, dimensions.outputs / dimensions.groups, dimensions.columns});
}

/// Inverse of `to_matrix`; results are contiguous, in `dtype`.
inline std::vector<at::Tensor> from_matrix(
    const at::Tensor& matrix, const std::vector<std::vector<int64_t>>& shapes, at::ScalarType dtype) {
  const auto flat = matrix.reshape({-1, matrix.size(-1)});
  std::vector<at::Tensor> parameters;
  parameters.reserve(shapes.size());
  int64_t column = 0;
  for (const auto& shape : shapes) {
    const auto width = c10::multiply_integers(shape) / flat.size(0);
    auto block = flat.narrow(1, column, width);
    parameters.push_back(
        block.to(dtype, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous).view(shape));
    column += width;
  }
  return parameters;
}

}  // namespace proxprop
