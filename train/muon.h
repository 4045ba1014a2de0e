#pragma once

#include <torch/optim/adamw.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <vector>

namespace proxprop::train {

struct MuonOptions : torch::optim::OptimizerCloneableOptions<MuonOptions> {
  double lr = 0.02;
  double momentum = 0.95;
  double weight_decay = 0;  ///< decoupled, as AdamW's
  int64_t ns_steps = 5;

  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
};

struct MuonParamState : torch::optim::OptimizerCloneableParamState<MuonParamState> {
  at::Tensor momentum_buffer;
};

/// Muon (Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein, Muon: An optimizer for hidden layers in neural networks,
/// 2024), with Nesterov momentum as published:
///
///     B = momentum B + v;   W -= lr sqrt(max(1, rows / columns)) NewtonSchulz(v + momentum B)
///
/// for the hidden weights W, as matrices [outputs, rest]: v is the direction in `.grad`. All other parameters, which
/// are biases, gains and the weights of the input and the output layer, are AdamW's, as the authors ask for. (Their
/// running mean (1 - momentum) v + momentum B differs from B by a factor, which the iteration takes out.)
class Muon final : public torch::optim::Optimizer {
 public:
  /// `adam.lr()` is that of AdamW while the learning rate is `options.lr`; a schedule scales both.
  Muon(
      const std::vector<at::Tensor>& hidden_weights,
      const std::vector<at::Tensor>& others,
      const MuonOptions& options,
      const torch::optim::AdamWOptions& adam);

  at::Tensor step(LossClosure closure = nullptr) override;

  const std::vector<at::Tensor>& hidden_weights() const { return param_groups().front().params(); }
  torch::optim::AdamW& adam() { return adam_; }

 private:
  torch::optim::AdamW adam_;
  double adam_ratio_;  // of its learning rate to Muon's
};

/// p^steps(g / |g|_F) for the odd polynomial p(X) = a X + b X X^T X + c (X X^T)^2 X with (a, b, c) = (3.4445, -4.7750,
/// 2.0315), whose iterates bring the singular values near 1 (after five to between 0.68 and 1.21 from 0.002 and more,
/// 1.14 from 0.007 and more) and leave the singular vectors: roughly the orthogonal factor of the polar decomposition
/// of `g` [n, m]. In its dtype, of which float32 and float64 are more exact than the authors' bfloat16. Zeros stay
/// zeros.
at::Tensor newton_schulz(const at::Tensor& g, int64_t steps);

}  // namespace proxprop::train
