#include "lab/verify/dense.h"

#include <ATen/ATen.h>

namespace proxprop::verify {
namespace {

at::Tensor column_by_column(const LayerRecord& layer) {
  std::vector<at::Tensor> unit, columns;
  for (const at::Tensor& parameter : layer.parameters)
    unit.push_back(at::zeros(parameter.sizes(), parameter.options().requires_grad(false)));
  for (at::Tensor& part : unit) {
    const at::Tensor entries = part.view({-1});
    for (int64_t j = 0; j < entries.numel(); ++j) {
      entries[j] = 1;
      columns.push_back(layer.phi(unit).reshape({-1}));
      entries[j] = 0;
    }
  }
  return at::stack(columns, 1);
}

}  // namespace

at::Tensor DenseLayer::metric(double tau_theta, double rows) const {
  at::Tensor m = gram / rows;
  m.diagonal().add_(1 / tau_theta);
  return m;
}

double DenseLayer::condition(double tau_theta, double rows) const {
  const double beta = 1 / tau_theta;
  return (beta + lambda_max / rows) / (beta + eigenvalues[0].item<double>() / rows);
}

at::Tensor DenseLayer::solve(const at::Tensor& b, double tau_theta, double rows) const {
  return at::linalg_solve(metric(tau_theta, rows), b);
}

DenseLayer make_dense(const LayerRecord& layer) {
  DenseLayer dense;
  dense.layer = layer;
  dense.phi = column_by_column(layer);
  dense.gram = at::mm(dense.phi.t(), dense.phi);
  dense.eigenvalues = at::linalg_eigvalsh(dense.gram).clamp_min(0);
  dense.lambda_max = dense.eigenvalues[-1].item<double>();
  return dense;
}

at::Tensor krylov_minimizer(const at::Tensor& m, const at::Tensor& b, int64_t iterations) {
  at::Tensor basis = (b / b.norm()).unsqueeze(1);
  while (basis.size(1) < iterations) {
    at::Tensor next = at::mv(m, basis.select(1, basis.size(1) - 1));
    for (int pass = 0; pass < 2; ++pass)  // one pass of Gram-Schmidt leaves what rounding leaves; the second takes it
      next = next - at::mv(basis, at::mv(basis.t(), next));
    basis = at::cat({basis, (next / next.norm()).unsqueeze(1)}, 1);
  }
  const at::Tensor projected = at::mm(basis.t(), at::mm(m, basis));
  return at::mv(basis, at::linalg_solve(projected, at::mv(basis.t(), b)));
}

}  // namespace proxprop::verify
