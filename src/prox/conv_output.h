#pragma once
// The output [N, O, *] of a convolution, ordinary or transposed: its rows, and the bias's part in it.

#include <ATen/ATen.h>

#include <vector>

namespace proxprop {

/// [N, groups * O / groups, *] -> [groups, N * positions, O / groups]
inline at::Tensor rows_of_output(const at::Tensor& z, int64_t groups) {
  const auto positions = c10::multiply_integers(z.sizes().slice(2));
  return z.reshape({z.size(0), groups, z.size(1) / groups, positions})
      .permute({1, 0, 3, 2})
      .reshape({groups, z.size(0) * positions, z.size(1) / groups});
}

/// Inverse of `rows_of_output`.
inline at::Tensor output_of_rows(const at::Tensor& rows, at::IntArrayRef output_shape) {
  const auto positions = c10::multiply_integers(output_shape.slice(2));
  return rows.reshape({rows.size(0), output_shape[0], positions, rows.size(2)})
      .permute({1, 0, 3, 2})
      .reshape(output_shape);
}

/// The output of the bias [O] alone.
inline at::Tensor bias_output(const at::Tensor& bias, at::IntArrayRef output_shape) {
  std::vector<int64_t> broadcast(output_shape.size(), 1);
  broadcast[1] = bias.size(0);
  return bias.view(broadcast).expand(output_shape).contiguous();
}

inline at::Tensor bias_adjoint(const at::Tensor& z) {
  std::vector<int64_t> dims{0};
  for (int64_t i = 2; i < z.dim(); ++i) {
    dims.push_back(i);
  }
  return z.sum(dims);
}

}  // namespace proxprop
