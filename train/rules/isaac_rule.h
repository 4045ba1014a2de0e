#pragma once

#include "train/rules/direction_rule.h"

namespace proxprop::train {

/// ISAAC (Petersen, Sutter, Borgelt, Huh, Kuehne, Sun, Deussen, ISAAC Newton: Input-based Approximate Curvature for
/// Newton's Method, ICLR 2023): with the b rows A of the layer's input and g = dJ/dz the weight is handed
///
///     zeta* = g^T (I - (I + A A^T / (b lambda))^-1 A A^T / (b lambda)) A
///           = lambda (lambda I + A^T A / b)^-1 A^T g                         (as [d, O])
///
/// and the bias its gradient. By the push-through identity this is lambda times the proximal step with
/// tau_theta = 1 / lambda and Scaling::mean in the weight alone: with a batch sum, lambda = 1 / (b tau_theta). It is
/// computed as that, since the subtraction in the first form loses what it computes where lambda is small.
///
/// For a convolution, which the paper does not treat, the rows are the patches, b = N H' W'.
class IsaacRule final : public DirectionRule {
 public:
  explicit IsaacRule(double lambda) : lambda_(lambda) {}
  std::vector<at::Tensor> direction(const LayerPass& pass) override;
  RulePlan plan(const LinearTransfer& transfer) const override;

 private:
  double lambda_;
};

}  // namespace proxprop::train
