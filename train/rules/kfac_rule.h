#pragma once

#include "train/rules/direction_rule.h"

namespace proxprop::train {

struct KfacOptions {
  double lambda = 0.03;  ///< Tikhonov damping
  double epsilon = 0.95;
  int64_t t_cov = 1;
  int64_t t_inv = 20;
  bool sampled = true;  ///< output gradients for factor G from labels drawn from the model's distribution
};

/// K-FAC (Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature, ICML 2015; for
/// convolutions Grosse and Martens, A Kronecker-factored Approximate Fisher Matrix for Convolution Layers, ICML 2016).
/// With the factors of the layer's block of the Fisher matrix
///
///     A = 1/N sum a a^T       over all rows a of the layer's input, with a one for the bias (Omega of the second
///     paper) G = 1/S sum g g^T       over all S rows, g the output gradient of the row's record's own loss (Gamma)
///
/// where S = N for a linear layer and N H' W' for a convolution, the direction is
///
///     (G + gamma / pi I)^-1 dJ/dW (A + pi gamma I)^-1,
///     gamma = sqrt(lambda),   pi = sqrt((tr A / d) / (tr G / O)).
///
/// The factors are averages over steps: the k-th batch is added with weight 1 - min(1 - 1/k, epsilon), every `t_cov`
/// steps; they are inverted at the first three steps and then every `t_inv` steps. Of the papers' algorithm this is the
/// direction; its length and momentum are left to the optimizer and its learning rate, lambda stays as it is.
///
/// G comes from labels that are drawn from the model's own distribution, as the papers ask for (a FisherPass drives
/// that), or from the data's labels: the empirical Fisher matrix, for no second backward pass.
class KfacRule final : public DirectionRule {
 public:
  explicit KfacRule(KfacOptions options) : options_(options) {}
  std::vector<at::Tensor> direction(const LayerPass& pass) override;
  /// A, G, their inverses; [steps, batches in the factors].
  std::vector<at::Tensor> state() const override;
  void restore(const std::vector<at::Tensor>& state) override;
  RulePlan plan(const LinearTransfer& transfer) const override;

  /// Whether the next step is to begin with a backward pass from sampled labels.
  bool wants_fisher_pass() const { return options_.sampled && statistics_due(); }
  /// While true, backward passes add to the factors and give no direction.
  void set_fisher_pass(bool on) { fisher_pass_ = on; }

 private:
  bool statistics_due() const { return steps_ % options_.t_cov == 0; }
  bool inversion_due() const { return steps_ < 3 || (steps_ + 1) % options_.t_inv == 0; }
  void add_statistics(const LinearTransfer& transfer, const LayerPass& pass);
  void invert(at::ScalarType dtype);

  KfacOptions options_;
  bool fisher_pass_ = false;
  int64_t steps_ = 0;
  int64_t batches_ = 0;               // in the averages
  at::Tensor a_, g_;                  // [groups, d, d] and [groups, O / groups, O / groups], float64
  at::Tensor inverse_a_, inverse_g_;  // in the dtype of the gradient
};

}  // namespace proxprop::train
