#pragma once
// The small problems on which expectations over batches can be taken exactly: regression on 500 digits of 4 x 4 pixels,
// in ten batches of 50, its one layer proximal.

#include "lab/verify/checks.h"

#include <vector>

namespace proxprop::verify {

enum class RegressionLoss { cross_entropy, squared_error };

/// F(theta) = mean of the loss of theta a, a the pixels and a one for the bias. Convex, its gradient is Lipschitz.
class Regression {
 public:
  Regression(const Batch& data, RegressionLoss loss);

  int64_t batches() const { return int64_t(inputs_.size()); }
  /// theta = 0, [classes, columns].
  at::Tensor start() const;
  double value(const at::Tensor& theta) const;
  at::Tensor gradient(const at::Tensor& theta) const;
  at::Tensor batch_gradient(const at::Tensor& theta, int64_t batch) const;

  /// V with the gradient of one batch and the metric M of one, by the rule under test.
  at::Tensor direction(
      const at::Tensor& theta,
      int64_t gradient_batch,
      int64_t metric_batch,
      double tau_theta,
      const DirectionRule& rule) const;

  /// Squared error: where the mean over batches of M^-1 grad, both of the same batch, is zero. By a dense solve.
  at::Tensor same_batch_rest(double tau_theta) const;

  /// M^-1 of a batch as a matrix [columns, columns], the same for every class.
  at::Tensor inverse_metric(int64_t batch, double tau_theta) const;

  /// Largest eigenvalue of a batch's Gram, over all batches.
  double lambda_max() const { return lambda_max_; }
  /// Lipschitz constant of F's gradient: lambda_max(A^T A) / N, and half of it for the cross-entropy, whose Hessian in
  /// the logits is at most 1/2 I.
  double lipschitz() const { return lipschitz_; }

 private:
  at::Tensor error(const at::Tensor& theta, int64_t batch) const;

  RegressionLoss loss_;
  std::vector<at::Tensor> inputs_;   ///< [50, columns]
  std::vector<at::Tensor> one_hot_;  ///< [50, classes]
  double lambda_max_ = 0, lipschitz_ = 0;
};

}  // namespace proxprop::verify
