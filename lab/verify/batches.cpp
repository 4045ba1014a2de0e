#include "lab/verify/batches.h"

#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::verify {
namespace {

constexpr int64_t records = 500;
constexpr int64_t batch_size = 50;
constexpr int64_t classes = 10;

double largest_eigenvalue(const at::Tensor& symmetric) {
  return at::linalg_eigvalsh(symmetric)[-1].item<double>();
}

}  // namespace

Regression::Regression(const Batch& data, RegressionLoss loss) : loss_(loss) {
  const Batch used = first(data, records);
  const at::Tensor pixels = at::avg_pool2d(used.images, {7, 7}).reshape({records, -1});
  const at::Tensor inputs = at::cat({pixels, at::ones({records, 1}, pixels.options())}, 1);
  inputs_ = inputs.split(batch_size);
  one_hot_ = at::one_hot(used.labels, classes).to(at::kDouble).split(batch_size);
  for (const at::Tensor& a : inputs_)
    lambda_max_ = std::max(lambda_max_, largest_eigenvalue(at::mm(a.t(), a)));
  const double curvature = loss == RegressionLoss::cross_entropy ? 0.5 : 1;
  lipschitz_ = curvature * largest_eigenvalue(at::mm(inputs.t(), inputs)) / records;
}

at::Tensor Regression::start() const {
  return at::zeros({classes, inputs_.front().size(1)}, inputs_.front().options());
}

at::Tensor Regression::error(const at::Tensor& theta, int64_t batch) const {
  const at::Tensor output = at::mm(inputs_[batch], theta.t());
  const at::Tensor prediction = loss_ == RegressionLoss::cross_entropy ? at::softmax(output, 1) : output;
  return (prediction - one_hot_[batch]) / batch_size;
}

double Regression::value(const at::Tensor& theta) const {
  double total = 0;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const at::Tensor output = at::mm(inputs_[i], theta.t());
    total += loss_ == RegressionLoss::cross_entropy
                 ? -(at::log_softmax(output, 1) * one_hot_[i]).sum().item<double>()
                 : 0.5 * (output - one_hot_[i]).square().sum().item<double>();
  }
  return total / records;
}

at::Tensor Regression::batch_gradient(const at::Tensor& theta, int64_t batch) const {
  return at::mm(error(theta, batch).t(), inputs_[batch]);
}

at::Tensor Regression::gradient(const at::Tensor& theta) const {
  at::Tensor total = at::zeros_like(theta);
  for (int64_t i = 0; i < batches(); ++i)
    total += batch_gradient(theta, i);
  return total / double(batches());
}

// A layer hands its rule one batch. For M of another batch, rows s I are put under its inputs, with the gradient b / s
// at their outputs and none at the others: then phi* g = b, and phi* phi = A^T A + s^2 I. With s^2 = beta / 2 and half
// of beta left to the rule, V = (A^T A + beta I)^-1 b.
at::Tensor Regression::direction(
    const at::Tensor& theta, int64_t gradient_batch, int64_t metric_batch, double tau_theta,
    const DirectionRule& rule) const {
  const Trained weight_only{true, false};
  const at::Tensor& a = inputs_[metric_batch];
  if (gradient_batch == metric_batch) {
    const DenseTransfer transfer(a, classes, weight_only);
    return rule(transfer, error(theta, gradient_batch), {.tau_theta = tau_theta}).direction.front();
  }
  const double s = std::sqrt(0.5 / tau_theta);
  const at::Tensor inputs = at::cat({a, s * at::eye(a.size(1), a.options())});
  const at::Tensor b = batch_gradient(theta, gradient_batch);
  const at::Tensor g = at::cat({at::zeros({a.size(0), classes}, a.options()), b.t() / s});
  return rule(DenseTransfer(inputs, classes, weight_only), g, {.tau_theta = 2 * tau_theta}).direction.front();
}

at::Tensor Regression::same_batch_rest(double tau_theta) const {
  TORCH_CHECK(loss_ == RegressionLoss::squared_error, "the rest point of a nonlinear problem has no closed form");
  at::Tensor matrix, rhs;
  for (int64_t i = 0; i < batches(); ++i) {
    const at::Tensor weighted = at::mm(inverse_metric(i, tau_theta), inputs_[i].t());
    const at::Tensor m = at::mm(weighted, inputs_[i]), r = at::mm(weighted, one_hot_[i]);
    matrix = i == 0 ? m : matrix + m;
    rhs = i == 0 ? r : rhs + r;
  }
  return at::linalg_solve(matrix, rhs).t().contiguous();
}

at::Tensor Regression::inverse_metric(int64_t batch, double tau_theta) const {
  at::Tensor m = at::mm(inputs_[batch].t(), inputs_[batch]);
  m.diagonal().add_(1 / tau_theta);
  return at::linalg_inv(m);
}

}  // namespace proxprop::verify
