#pragma once
// The parameters of a transfer as one matrix, [groups, O / groups, d]: its `parameter_rows` side by side.

#include <proxprop/prox/linear_transfer.h>

#include <ATen/ATen.h>

#include <vector>

namespace proxprop {

inline at::Tensor to_matrix(const LinearTransfer& transfer, at::TensorList parameters) {
  const auto rows = transfer.parameter_rows(parameters);
  return rows.size() == 1 ? rows.front() : at::cat(rows, 2);
}

/// Inverse of `to_matrix`; results are contiguous, in `dtype`.
inline std::vector<at::Tensor> from_matrix(
    const LinearTransfer& transfer, const at::Tensor& matrix, at::ScalarType dtype) {
  const auto outputs = matrix.size(0) * matrix.size(1);
  std::vector<at::Tensor> rows;
  int64_t column = 0;
  for (const auto& shape : transfer.parameter_shapes()) {
    const auto width = c10::multiply_integers(shape) / outputs;
    rows.push_back(
        matrix.narrow(2, column, width).to(dtype, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous));
    column += width;
  }
  return transfer.parameters_from_rows(rows);
}

}  // namespace proxprop
