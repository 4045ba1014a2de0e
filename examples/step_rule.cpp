// A member of the paper's family of algorithms that the lab does not have: the penalty energy is linearised in sigma
// before the proximal step of z, which then has a closed form for any activation. One class with one method; the rest
// of the sweep is Algorithm 2. Trains a small network with Adam and prints the loss every 20 steps; the last line reads
//
//     loss after 100 steps: below 0.05
#include "lab/sweep.h"

#include <proxprop/proxprop.h>

#include <torch/torch.h>

#include <cstdio>

namespace lab = proxprop::lab;

// The minimiser of  gamma / 2 |sigma(z_k) + sigma'(z_k) (z - z_k) - a_new|^2 + (rho + 1 / tau) / 2 |z - z_k|^2
class LinearisedZ final : public lab::ZRule {
 public:
  at::Tensor displacement(const lab::ZProblem& p) const override {
    const at::Tensor slope = p.activation.derivative(p.z);
    return p.gamma * slope * p.a_displacement / (p.gamma * slope.square() + p.rho + 1 / p.tau);
  }
};

int main() {
  torch::manual_seed(0);
  // Points on two spirals, 100 on each arm.
  const auto t = torch::linspace(0.5, 3.5, 100);
  const auto arm = torch::stack({t * torch::cos(3 * t), t * torch::sin(3 * t)}, 1);
  const lab::Batch batch{
      torch::cat({arm, -arm}), torch::cat({torch::zeros(100, torch::kLong), torch::ones(100, torch::kLong)})};

  torch::nn::Sequential model(
      torch::nn::Linear(2, 64), torch::nn::Tanh(), torch::nn::Linear(64, 64), torch::nn::Tanh(),
      torch::nn::Linear(64, 2));
  const lab::Network network(model);  // shares the model's parameters
  lab::StepRules rules = lab::algorithm_2({.tau_theta = 1.0});
  rules.z = std::make_shared<LinearisedZ>();

  const double lr = 0.02;
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(lr));
  double loss = 0;
  for (int step = 1; step <= 100; ++step) {
    const lab::Sweep sweep = lab::sweep(network, batch, lab::CrossEntropy(), rules, {.tau = lr, .penalties = {}});
    lab::set_gradients(network, sweep);  // in the place of backward()
    optimizer.step();
    loss = sweep.loss.item<double>();
    if (step % 20 == 0)
      std::printf("step %3d  loss %.4f\n", step, loss);
  }
  std::printf("loss after 100 steps: %s 0.05\n", loss < 0.05 ? "below" : "above");
  return loss < 0.05 ? 0 : 1;
}
