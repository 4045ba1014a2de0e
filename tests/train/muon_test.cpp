// Muon: the Newton-Schulz iteration against the singular value decomposition, and the step against its recursion.

#include "tests/train/support.h"
#include "train/errors.h"
#include "train/muon.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

namespace proxprop::train {
namespace {

double relative_error(const at::Tensor& value, const at::Tensor& expected) {
  return ((value - expected).norm() / expected.norm()).item<double>();
}

TEST(NewtonSchulz, KeepsTheSingularVectorsAndIteratesThePolynomialOnTheValues) {
  torch::manual_seed(1);
  for (const auto& [rows, columns] : {std::pair{6, 6}, std::pair{4, 9}, std::pair{9, 4}}) {
    const at::Tensor g = torch::randn({rows, columns}, at::kDouble);
    const auto [u, s, vh] = at::linalg_svd(g, /*full_matrices=*/false);
    for (const int64_t steps : {1, 2, 5}) {
      at::Tensor values = s / g.norm();
      for (int64_t step = 0; step < steps; ++step)
        values = 3.4445 * values - 4.7750 * values.pow(3) + 2.0315 * values.pow(5);
      EXPECT_LE(relative_error(newton_schulz(g, steps), at::mm(u * values, vh)), 1e-12) << rows << "x" << columns;
    }
  }
}

TEST(NewtonSchulz, FiveStepsComeNearThePolarFactor) {
  torch::manual_seed(2);
  const at::Tensor g = torch::randn({20, 50}, at::kDouble);
  const auto [u, s, vh] = at::linalg_svd(g, /*full_matrices=*/false);
  const at::Tensor found = newton_schulz(g, 5);
  const at::Tensor values = at::linalg_svdvals(found);
  EXPECT_GE(values.min().item<double>(), 0.68);
  EXPECT_LE(values.max().item<double>(), 1.14);
  const at::Tensor polar = at::mm(u, vh);
  EXPECT_GE((found * polar).sum().item<double>() / (found.norm() * polar.norm()).item<double>(), 0.98);
}

// Of matrices of Frobenius norm 1 with the singular value `value`, what the iteration makes of it.
double iterated(double value, int64_t steps) {
  const at::Tensor g = at::diag(at::tensor({value, std::sqrt(1 - value * value)}, at::kDouble));
  return newton_schulz(g, steps)[0][0].item<double>();
}

// The authors choose the coefficients so that in the limit singular values lie within about 0.3 of 1, and call the
// slope at zero what sets the speed: a = 3.4445 for each step.
TEST(NewtonSchulz, BringsSingularValuesAsNearToOneAsItsAuthorsSayAndSmallOnesUpByThePowersOfA) {
  double least = 2, most = 0, least_early = 2, most_early = 0;
  for (int i = 0; i <= 4000; ++i) {
    const double value = std::pow(10.0, -4.0 * i / 4000);
    const double after_five = iterated(value, 5), in_the_limit = iterated(value, 30);
    least = std::min(least, in_the_limit);
    most = std::max(most, in_the_limit);
    if (value >= 0.002) {
      least_early = std::min(least_early, after_five);
      most_early = std::max(most_early, after_five);
    }
  }
  // 0.3 is the authors' "around"; the polynomial's own range is [0.6818, 1.1344], and 1.2024 on the way there.
  EXPECT_NEAR(least, 0.68183, 1e-4);
  EXPECT_LE(most, 1.3);
  EXPECT_NEAR(least_early, 0.68183, 1e-4);
  EXPECT_NEAR(most_early, 1.2024, 1e-3);
  for (const int64_t steps : {1, 3, 5})
    EXPECT_NEAR(iterated(1e-8, steps) / (1e-8 * std::pow(3.4445, static_cast<double>(steps))), 1, 1e-9) << steps;
}

TEST(NewtonSchulz, DoesNotSeeTheScaleAndLeavesZerosZero) {
  torch::manual_seed(3);
  const at::Tensor g = torch::randn({5, 8}, at::kDouble);
  EXPECT_LE(relative_error(newton_schulz(1e-12 * g, 5), newton_schulz(g, 5)), 1e-12);
  EXPECT_TRUE(newton_schulz(at::zeros({5, 8}, at::kDouble), 5).equal(at::zeros({5, 8}, at::kDouble)));
}

torch::nn::Sequential small_model() {
  torch::manual_seed(4);
  torch::nn::Sequential model(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 3, 2)), torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 5, 2)),
      torch::nn::Flatten(), torch::nn::Linear(12, 40), torch::nn::Linear(40, 4));
  model->to(at::kDouble);
  return model;
}

OptimizerConfig muon_config() {
  OptimizerConfig config;
  config.name = "muon";
  config.lr = 0.02;
  config.momentum = 0.9;
  config.weight_decay = 0.1;
  config.muon_adam_lr = 0.003;
  return config;
}

void set_gradients(torch::nn::Sequential& model, const std::vector<at::Tensor>& gradients) {
  std::vector<at::Tensor> parameters = model->parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    parameters[i].mutable_grad() = gradients[i].clone();
}

TEST(Muon, TakesOrthogonalizedNesterovStepsWithHiddenWeightsAndAdamWsWithTheRest) {
  torch::nn::Sequential model = small_model(), other = small_model();
  const OptimizerConfig config = muon_config();
  const auto muon = make_optimizer(config, *model);
  OptimizerConfig adam_config = config;
  adam_config.name = "adamw";
  adam_config.lr = config.muon_adam_lr;
  const auto adam = make_optimizer(adam_config, *other);

  std::map<std::string, at::Tensor> weights, buffers;
  for (const char* name : {"1.weight", "3.weight"}) {
    weights[name] = model->named_parameters()[name].detach().clone();
    buffers[name] = at::zeros_like(weights[name]);
  }
  for (int step = 0; step < 4; ++step) {
    // A schedule scales both learning rates.
    const double factor = step < 2 ? 1 : 0.5;
    set_learning_rate(*muon, factor * config.lr);
    set_learning_rate(*adam, factor * config.muon_adam_lr);
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : model->parameters())
      gradients.push_back(torch::randn_like(parameter).detach());
    set_gradients(model, gradients);
    set_gradients(other, gradients);
    for (auto& [name, weight] : weights) {
      const at::Tensor g = model->named_parameters()[name].grad();
      at::Tensor& buffer = buffers[name];
      buffer = config.momentum * buffer + g;
      const at::Tensor matrix = (g + config.momentum * buffer).reshape({g.size(0), -1});
      const double aspect = std::max(1.0, double(matrix.size(0)) / double(matrix.size(1)));
      const double lr = factor * config.lr;
      weight =
          weight * (1 - lr * config.weight_decay) - lr * std::sqrt(aspect) * newton_schulz(matrix, 5).view_as(weight);
    }
    muon->step();
    adam->step();
  }
  const torch::NoGradGuard no_grad;
  const auto expected = other->named_parameters();
  for (const auto& parameter : model->named_parameters()) {
    const bool hidden_weight = weights.contains(parameter.key());
    const at::Tensor& reference = hidden_weight ? weights[parameter.key()] : expected[parameter.key()];
    EXPECT_LE(relative_error(*parameter, reference), 1e-13) << parameter.key();
  }
}

// The authors leave the input and the output layer to AdamW: here also those of an MLP, and where the input layer is
// not the first module.
TEST(Muon, LeavesInputAndOutputLayerToAdamW) {
  torch::nn::Sequential model(
      torch::nn::Flatten(), torch::nn::BatchNorm1d(6), torch::nn::Linear(6, 5), torch::nn::Linear(5, 4),
      torch::nn::Linear(4, 3));
  const auto optimizer = make_optimizer(muon_config(), *model);
  const auto* muon = dynamic_cast<Muon*>(optimizer.get());
  ASSERT_NE(muon, nullptr);
  ASSERT_EQ(muon->hidden_weights().size(), 1u);
  EXPECT_TRUE(muon->hidden_weights()[0].is_same(model->named_parameters()["3.weight"]));
  torch::nn::Sequential shallow(torch::nn::Linear(6, 5), torch::nn::Linear(5, 3));
  EXPECT_NE(
      message_of<ConfigError>([&] { make_optimizer(muon_config(), *shallow); }).find("use optimizer.name = adamw"),
      std::string::npos);
}

TEST(Muon, ZeroGradReachesAdamWsParameters) {
  torch::nn::Sequential model = small_model();
  const auto muon = make_optimizer(muon_config(), *model);
  for (at::Tensor& parameter : model->parameters())
    parameter.mutable_grad() = torch::ones_like(parameter);
  muon->zero_grad();
  for (const at::Tensor& parameter : model->parameters())
    EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace proxprop::train
