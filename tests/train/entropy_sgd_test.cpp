// Entropy-SGD against Algorithm 1 of its paper, written out by hand.

#include "train/entropy_sgd.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::train {
namespace {

// f(x) = 1/2 |H x - b|^2 for a diagonal H.
at::Tensor gradient_of(const at::Tensor& x) {
  const at::Tensor h = at::linspace(0.5, 2, x.numel(), at::kDouble);
  return h * (h * x - 1);
}

EntropySgdOptions without_noise(int64_t l) {
  EntropySgdOptions options;
  options.lr = 0.7;
  options.l = l;
  options.eta = 0.2;
  options.gamma0 = 0.3;
  options.gamma1 = 0.05;
  options.alpha = 0.6;
  options.eps = 0;
  return options;
}

void take_step(EntropySgd& optimizer, at::Tensor& x) {
  x.mutable_grad() = gradient_of(x.detach());
  optimizer.step();
}

TEST(EntropySgd, WithOneIterationAndNoNoiseIsGradientDescent) {
  const EntropySgdOptions options = without_noise(1);
  at::Tensor x = at::linspace(-1, 1, 5, at::kDouble).requires_grad_();
  EntropySgd optimizer({x}, options);
  at::Tensor expected = x.detach().clone();
  for (int step = 0; step < 6; ++step) {
    // x' = x - eta' f'(x) and mu = (1 - alpha) x + alpha x', so x - lr (x - mu) is:
    expected = expected - options.lr * options.alpha * options.eta * gradient_of(expected);
    take_step(optimizer, x);
    EXPECT_LE((x.detach() - expected).abs().max().item<double>(), 1e-15) << step;
  }
}

TEST(EntropySgd, IsAlgorithmOneWithGammaThatGrowsFromStepToStep) {
  const EntropySgdOptions options = without_noise(3);
  at::Tensor parameter = at::linspace(-1, 1, 5, at::kDouble).requires_grad_();
  EntropySgd optimizer({parameter}, options);
  at::Tensor x = parameter.detach().clone();
  for (int t = 0; t < 4; ++t) {
    const double gamma = options.gamma0 * std::pow(1 + options.gamma1, t);
    at::Tensor inner = x.clone(), mu = x.clone();
    for (int64_t l = 0; l < options.l; ++l) {
      inner = inner - options.eta * (gradient_of(inner) - gamma * (x - inner));
      mu = (1 - options.alpha) * mu + options.alpha * inner;
      take_step(optimizer, parameter);
      if (l + 1 < options.l) {
        EXPECT_LE((parameter.detach() - inner).abs().max().item<double>(), 1e-15) << t << " " << l;
      }
    }
    x = x - options.lr * (x - mu);
    EXPECT_LE((parameter.detach() - x).abs().max().item<double>(), 1e-15) << t;
  }
}

// For a quadratic of curvature h the mean of the Gibbs distribution, which mu estimates, is the proximal point of step
// size 1 / gamma. The gradient of the local entropy is gamma (x - mu), of curvature h / (1 + h / gamma): the smoothness
// that the paper's Lemma on local entropy has as a bound, attained.
TEST(EntropySgd, ManyIterationsAreTheProximalStepOfAQuadratic) {
  EntropySgdOptions options = without_noise(600);
  options.lr = 1;
  options.gamma1 = 0;
  at::Tensor x = at::linspace(-1, 1, 5, at::kDouble).requires_grad_();
  const at::Tensor root = at::linspace(0.5, 2, 5, at::kDouble), h = root * root, minimum = 1 / root;
  EntropySgd optimizer({x}, options);
  for (int t = 0; t < 2; ++t) {
    const at::Tensor before = x.detach().clone();
    for (int64_t l = 0; l < options.l; ++l)
      take_step(optimizer, x);
    const at::Tensor slope = options.gamma0 * (before - x.detach());
    EXPECT_LE((slope - h / (1 + h / options.gamma0) * (before - minimum)).abs().max().item<double>(), 1e-14) << t;
  }
}

// The iterates' variance about the mean settles where noise of variance eta' eps^2 and the contraction 1 - eta' (h +
// gamma) of a step are in balance.
TEST(EntropySgd, IteratesHaveTheVarianceOfTheLangevinEquation) {
  torch::manual_seed(2);
  EntropySgdOptions options = without_noise(100);
  options.eps = 0.5;
  const int64_t count = 100'000;
  const double h = 1.5;
  at::Tensor x = at::zeros({count}, at::kDouble).requires_grad_();
  EntropySgd optimizer({x}, options);
  for (int64_t l = 0; l + 1 < options.l; ++l) {
    x.mutable_grad() = h * x.detach();
    optimizer.step();
  }
  const double contraction = 1 - options.eta * (h + options.gamma0);
  const double expected = options.eta * options.eps * options.eps / (1 - contraction * contraction);
  EXPECT_NEAR(x.detach().var().item<double>(), expected, 4 * expected * std::sqrt(2.0 / count));
}

TEST(EntropySgd, NoiseHasTheVarianceEtaEpsSquared) {
  torch::manual_seed(1);
  EntropySgdOptions options = without_noise(2);
  options.eps = 0.5;
  const int64_t count = 100'000;
  at::Tensor x = at::zeros({count}, at::kDouble).requires_grad_();
  EntropySgd optimizer({x}, options);
  x.mutable_grad() = at::zeros_like(x);
  optimizer.step();
  const double expected = std::sqrt(options.eta) * options.eps;
  EXPECT_NEAR(x.detach().std().item<double>(), expected, 4 * expected / std::sqrt(2.0 * count));
}

}  // namespace
}  // namespace proxprop::train
