#pragma once
// The judge: matrices written down and handed to LAPACK. Nothing here knows a Gram route, a solver or an adjoint.

#include "lab/verify/network.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace proxprop::verify {

/// A layer with its transfer as a matrix.
struct DenseLayer {
  LayerRecord layer;
  at::Tensor phi;          ///< [outputs of the transfer, parameters]: column j is phi of the j-th unit vector
  at::Tensor gram;         ///< phi^T phi
  at::Tensor eigenvalues;  ///< of the Gram, ascending, none below zero
  double lambda_max = 0;

  /// M = beta I + phi^T phi, eq. 14; `rows` divides the Gram (Scaling::mean).
  at::Tensor metric(double tau_theta, double rows = 1) const;
  /// kappa(M) = (beta + lambda_max) / (beta + lambda_min).
  double condition(double tau_theta, double rows = 1) const;
  /// M^-1 b.
  at::Tensor solve(const at::Tensor& b, double tau_theta, double rows = 1) const;
};

DenseLayer make_dense(const LayerRecord& layer);

/// A network at one point, with the matrices of its layers.
struct DenseNetwork {
  std::string name;  ///< "mlp tanh, trained"
  NetworkRecord record;
  std::vector<DenseLayer> layers;
};

/// Eq. 34 on a matrix: argmin of 1/2 <x, M x> - <b, x> over span(b, M b, ..., M^(k-1) b), by an orthonormal basis.
at::Tensor krylov_minimizer(const at::Tensor& m, const at::Tensor& b, int64_t iterations);

}  // namespace proxprop::verify
