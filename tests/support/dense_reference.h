#pragma once
// The judge of every route: M = beta I + phi* phi as a dense float64 matrix, its columns built one by one from phi
// alone.

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>

#include <ATen/ATen.h>

#include <vector>

namespace proxprop::testing {

/// phi as a matrix [outputs of the transfer, parameters], float64: column j is phi of the j-th unit vector.
inline at::Tensor dense_phi(const LinearTransfer& transfer, const at::TensorOptions& options) {
  std::vector<at::Tensor> columns;
  const auto shapes = transfer.parameter_shapes();
  for (size_t i = 0; i < shapes.size(); ++i) {
    const auto count = c10::multiply_integers(shapes[i]);
    for (int64_t j = 0; j < count; ++j) {
      std::vector<at::Tensor> unit;
      for (const auto& shape : shapes) {
        unit.push_back(at::zeros(shape, options));
      }
      unit[i].view({-1})[j] = 1.0;
      columns.push_back(transfer.apply(unit).reshape({-1}).to(at::kDouble));
    }
  }
  return at::stack(columns, 1);
}

inline at::Tensor flatten(at::TensorList tensors) {
  std::vector<at::Tensor> flat;
  for (const auto& tensor : tensors) {
    flat.push_back(tensor.reshape({-1}).to(at::kDouble));
  }
  return at::cat(flat);
}

/// V by a dense solve. `rows` divides the Gram (Scaling::mean); 1 for Scaling::sum.
inline at::Tensor dense_direction(
    const LinearTransfer& transfer, const at::Tensor& grad_output, double tau_theta, double rows = 1.0) {
  const auto phi = dense_phi(transfer, grad_output.options());
  auto m = at::mm(phi.t(), phi) / rows;
  m.diagonal().add_(1.0 / tau_theta);
  const auto gradient = at::mv(phi.t(), grad_output.reshape({-1}).to(at::kDouble));
  return at::linalg_solve(m, gradient);
}

inline double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  const auto norm = reference.norm().item<double>();
  const auto difference = (value.to(at::kDouble) - reference).norm().item<double>();
  return norm == 0 ? difference : difference / norm;
}

}  // namespace proxprop::testing
