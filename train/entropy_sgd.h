#pragma once

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <vector>

namespace proxprop::train {

struct EntropySgdOptions : torch::optim::OptimizerCloneableOptions<EntropySgdOptions> {
  double lr = 1;
  double weight_decay = 0;
  int64_t l = 20;    ///< L: Langevin iterations to one step of the parameters
  double eta = 0.1;  ///< eta': their step size
  double gamma0 = 0.01;
  double gamma1 = 0;
  double alpha = 0.75;  ///< weight of the newest iterate in their average
  double eps = 1e-4;    ///< thermal noise

  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
};

struct EntropySgdParamState : torch::optim::OptimizerCloneableParamState<EntropySgdParamState> {
  at::Tensor anchor;       ///< x
  at::Tensor mean;         ///< mu
  int64_t iterations = 0;  ///< Langevin iterations since the last step of x
  int64_t steps = 0;       ///< t: steps of x
};

/// Entropy-SGD (Chaudhari, Choromanska, Soatto, LeCun, Baldassi, Borgs, Chayes, Sagun, Zecchina, Entropy-SGD: Biasing
/// Gradient Descent into Wide Valleys, ICLR 2017). A step() is one Langevin iteration of Algorithm 1, from one batch
/// and with one gradient evaluation, so that L of them make one step of the parameters x:
///
///     x' -= eta' (v + gamma (x' - x)) - sqrt(eta') eps N(0, I);   mu = (1 - alpha) mu + alpha x'        (each step)
///     x -= lr (x - mu);   x' = mu = x                                                             (each L-th step)
///
/// with gamma = gamma_0 (1 + gamma_1)^t. The factor gamma of the paper's last line is part of lr, as in the authors'
/// code, which exchanges alpha and 1 - alpha and has sqrt(2 eta') for sqrt(eta'). The model's parameters are x' between
/// steps of x, and x after one. Noise comes from the default generator of their device.
class EntropySgd final : public torch::optim::Optimizer {
 public:
  EntropySgd(std::vector<at::Tensor> parameters, const EntropySgdOptions& options);

  at::Tensor step(LossClosure closure = nullptr) override;
};

}  // namespace proxprop::train
