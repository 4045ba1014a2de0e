#pragma once

#include "lab/loss.h"
#include "lab/network.h"
#include "lab/sweep.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop::batch {

/// How the two half iterations go about their nonlinear least squares.
struct AuxiliaryCoordinatesOptions {
  int64_t steps = 1;           ///< Gauss-Newton steps of each half iteration
  int64_t cg_iterations = 10;  ///< conjugate gradient iterations of each, at most
  double cg_tolerance = 1e-3;  ///< relative residual at which they stop
  int64_t halvings = 12;       ///< of a step that would increase the objective; then none is taken
};

/// The method of auxiliary coordinates (Carreira-Perpinan and Wang, AISTATS 2014) with its quadratic penalty: every
/// record has coordinates z_1 ... z_K of its own, one for the output of each hidden layer, and
///     E_Q(W, Z; mu) = 1/N sum_n [ L(y_n, f_{K+1}(z_K)) + mu / 2 sum_k |z_k - f_k(z_{k-1})|^2 ]
/// with f_k the layer and its activation and z_0 the data, is minimised by turns over Z (each record by itself) and W
/// (each unit of a hidden layer by itself).
/// (Their sums over records are means here, which the minimisers do not see.) For mu -> infinity the minimisers meet
/// the constraints z_k = f_k(z_{k-1}), and are stationary points of the network's own loss.
///
/// Z step: Gauss-Newton over all coordinates of a record, by conjugate gradients, with a line search per record. W
/// step: the same for each unit of the hidden layers. The output layer takes the exact least-squares step on the
/// squared error; any other loss is bounded by a parabola (Loss::largest_curvature, Boehning 1992 for cross-entropy),
/// whose minimiser is such a step. Neither half iteration ever increases E_Q.
class AuxiliaryCoordinates {
 public:
  /// Holds the network's parameters, which it changes. Throws c10::Error for networks that check_elementwise refuses.
  AuxiliaryCoordinates(lab::Network network, const lab::Loss& loss, const AuxiliaryCoordinatesOptions& options);

  /// Z meets the constraints: the activations of the network as it is.
  void start(const at::Tensor& input);
  bool started() const { return !z_.empty() || network_.hidden_count() == 0; }

  /// E_Q, and the part of it that the constraints make, over mu / 2: the mean of sum_k |z_k - f_k(z_{k-1})|^2.
  double objective(const lab::Batch& batch, double mu) const;
  double violation(const at::Tensor& input) const;

  /// The half iterations. They return the gradient evaluations that they took (EpochEvent::evaluations).
  double step_z(const lab::Batch& batch, double mu);
  double step_w(const lab::Batch& batch);

  /// z_1 ... z_K [N, width].
  const std::vector<at::Tensor>& coordinates() const { return z_; }
  void set_coordinates(std::vector<at::Tensor> z) { z_ = std::move(z); }
  const lab::Network& network() const { return network_; }

 private:
  struct Point;
  Point point(const at::Tensor& data, const std::vector<at::Tensor>& z) const;
  at::Tensor record_objectives(const Point& point, const at::Tensor& targets, double mu) const;
  int64_t gauss_newton_z(const Point& point, const at::Tensor& targets, double mu, std::vector<at::Tensor>& step) const;
  double step_hidden(int64_t layer, const at::Tensor& input);
  double step_output(const at::Tensor& input, const at::Tensor& targets);

  lab::Network network_;
  const lab::Loss& loss_;
  AuxiliaryCoordinatesOptions options_;
  std::vector<double> shares_;
  std::vector<at::Tensor> z_;
};

}  // namespace proxprop::batch
