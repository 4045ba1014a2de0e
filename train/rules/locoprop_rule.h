#pragma once

#include "train/rules/direction_rule.h"

namespace proxprop::train {

struct LocoPropOptions {
  int64_t t = 10;      ///< T: local iterations
  double gamma = 1.0;  ///< activation learning rate
  double eta = 1.0;    ///< weight 1 / (2 eta) of the regularizer
  double lr = 0.01;    ///< learning rate of the first local iteration
};

/// LocoProp-S (Amid, Anil, Warmuth, LocoProp: Enhancing BackProp via Local Loss Optimization, AISTATS 2022): T gradient
/// descent steps from the current W_0 on the layer's local objective, averaged over the S rows of the batch,
///
///     F(W) = 1 / (2 S) |phi(W) - t|^2 + 1 / (2 eta) |W - W_0|^2,      t = phi(W_0) - gamma S dJ/dz,
///
/// where S dJ/dz are the rows' own gradients for a loss J that is a mean. The learning rate of the k-th step, k = 0 ...
/// T - 1, is lr max(1 - k / T, 1/4), as in the authors' code. The direction is W_0 - W_T: the optimizer sgd with
/// learning rate 1 makes W_T the new parameters. Its minimum is gamma V with the proximal step V of Scaling::mean and
/// tau_theta = eta, and W_0 - W_1 = lr gamma dJ/dW: T goes from backpropagation to the proximal step, provided that
/// lr < 2 / (1 / eta + largest eigenvalue of the mean Gram).
class LocoPropRule final : public DirectionRule {
 public:
  explicit LocoPropRule(LocoPropOptions options) : options_(options) {}
  std::vector<at::Tensor> direction(const LayerPass& pass) override;
  RulePlan plan(const LinearTransfer& transfer) const override;

 private:
  LocoPropOptions options_;
};

}  // namespace proxprop::train
