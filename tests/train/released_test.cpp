// The released arithmetic: right where numbers are harmless, and wrong in the way that was measured where they are not.

#include "train/rules/released_direction.h"

#include "tests/support/cifar.h"
#include "tests/train/support.h"
#include "train/model.h"
#include "train/rules/directed_layer.h"
#include "train/rules/make_rule.h"

#include <torch/torch.h>

#include <gtest/gtest.h>

#include <cmath>

namespace proxprop::train {
namespace {

at::Tensor with_ones(const at::Tensor& input) {
  return at::cat({input, at::ones({input.size(0), 1}, input.options())}, 1);
}

ReleasedSystem in_double(const ReleasedSystem& system) {
  return {system.a.to(at::kDouble), system.theta.to(at::kDouble), system.grad.to(at::kDouble), system.tau_theta};
}

/// (A^T A + I / tau_theta)^-1 A^T g through the small system: A^T (A A^T + I / tau_theta)^-1 g. float64.
at::Tensor right_direction(const ReleasedSystem& system) {
  const ReleasedSystem exact = in_double(system);
  at::Tensor kernel = at::mm(exact.a, exact.a.t());
  kernel.diagonal().add_(1 / exact.tau_theta);
  return at::mm(exact.a.t(), at::linalg_solve(kernel, exact.grad));
}

double cosine(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum().item<double>() / (a.norm() * b.norm()).item<double>();
}

/// How much of the possible decrease of the proximal objective 1/2 |A V|^2 + 1/2 |V|^2 / tau_theta - <A^T g, V> the
/// direction reaches. float64.
double decrease_fraction(const ReleasedSystem& system, const at::Tensor& direction) {
  const ReleasedSystem exact = in_double(system);
  const at::Tensor gradient = at::mm(exact.a.t(), exact.grad);
  const auto objective = [&](const at::Tensor& v) {
    return (0.5 * at::mm(exact.a, v).square().sum() + 0.5 * v.square().sum() / exact.tau_theta - (gradient * v).sum())
        .item<double>();
  };
  return objective(direction.to(at::kDouble)) / objective(right_direction(system));
}

/// The first layer of the paper's MLP at its initialisation, on 500 real records: 256 of its outputs, whose systems are
/// independent. Nothing where there are no records.
std::optional<ReleasedSystem> first_layer(double tau_theta) {
  const auto records = proxprop::testing::cifar_records(500);
  if (!records)
    return std::nullopt;
  torch::manual_seed(0);
  torch::nn::Linear first(3072, 4000);
  torch::nn::Sequential rest(
      torch::nn::ReLU(), torch::nn::Linear(4000, 1000), torch::nn::ReLU(), torch::nn::Linear(1000, 4000),
      torch::nn::ReLU(), torch::nn::Linear(4000, 10));
  const at::Tensor input = records->first.flatten(1);
  const at::Tensor z = first->forward(input);
  z.retain_grad();
  torch::nn::functional::cross_entropy(rest->forward(z), records->second).backward();
  torch::NoGradGuard guard;
  const at::Tensor theta = at::cat({first->weight, first->bias.unsqueeze(1)}, 1).narrow(0, 0, 256).t().contiguous();
  return ReleasedSystem{with_ones(input), theta, z.grad().narrow(1, 0, 256).contiguous(), tau_theta};
}

ReleasedSystem harmless(int64_t rows = 40) {
  torch::manual_seed(1);
  return {
      with_ones(torch::randn({rows, 12}, at::kDouble)), torch::randn({13, 5}, at::kDouble),
      torch::randn({rows, 5}, at::kDouble), 1.0};
}

TEST(Released, ExactInDoubleOnAHarmlessSystemIsTheProximalDirection) {
  const ReleasedSystem system = harmless();
  EXPECT_LT((released_exact_direction(system) - right_direction(system)).abs().max().item<double>(), 1e-8);
}

TEST(Released, OneIterationIsSteepestDescentWithTheOptimalStep) {
  // Nothing is shared yet that would be changed; epsilon is 1e-6 of a denominator of some hundreds.
  const ReleasedSystem system = harmless();
  const at::Tensor b = at::mm(system.a.t(), system.grad);
  const at::Tensor image = at::mm(system.a.t(), at::mm(system.a, b)) + b;
  const at::Tensor expected = b.square().sum(0) / (b * image).sum(0) * b;
  EXPECT_LT((released_cg_direction(system, 1) - expected).abs().max().item<double>(), 1e-7);
}

TEST(Released, TheSecondSearchDirectionIsTheResidual) {
  const ReleasedSystem system = harmless();
  const auto matrix = [&](const at::Tensor& v) { return at::mm(system.a.t(), at::mm(system.a, v)) + v; };
  const at::Tensor b = at::mm(system.a.t(), system.grad);
  const at::Tensor one = released_cg_direction(system, 1), two = released_cg_direction(system, 2);
  const at::Tensor residual = b - matrix(one);
  const at::Tensor step = two - one;
  for (int64_t column = 0; column < step.size(1); ++column)
    EXPECT_NEAR(std::abs(cosine(step.select(1, column), residual.select(1, column))), 1, 1e-9) << column;
}

TEST(Released, TheResultDependsOnTheScaleOfTheLoss) {
  ReleasedSystem system = harmless();
  const at::Tensor direction = released_cg_direction(system, 3);
  system.grad *= 1e-6;
  const at::Tensor scaled = released_cg_direction(system, 3) * 1e6;
  EXPECT_GT(((scaled - direction).norm() / direction.norm()).item<double>(), 0.1);
}

TEST(Released, ExactAtTheFirstLayerIsRoundingNoise) {
  const auto system = first_layer(0.05);
  if (!system)
    GTEST_SKIP() << "SKIPPED: no CIFAR-10 in $PROXPROP_DATA or ../shared/data";
  const double measured = cosine(released_exact_direction(*system).to(at::kDouble), right_direction(*system));
  RecordProperty("cosine", std::to_string(measured));
  EXPECT_LT(measured, 0.2);
}

TEST(Released, ConjugateGradientsReachAFractionOfTheDecrease) {
  const auto system = first_layer(0.05);
  if (!system)
    GTEST_SKIP() << "SKIPPED: no CIFAR-10 in $PROXPROP_DATA or ../shared/data";
  const double three = decrease_fraction(*system, released_cg_direction(*system, 3));
  const double ten = decrease_fraction(*system, released_cg_direction(*system, 10));
  RecordProperty("cg3", std::to_string(three));
  RecordProperty("cg10", std::to_string(ten));
  // From below nothing holds of what is rounding: ten iterations may even go uphill.
  EXPECT_GT(three, 0);
  EXPECT_LT(three, 0.30);
  EXPECT_LT(ten, 0.67);
}

MethodConfig released(const std::string& name) {
  MethodConfig method;
  method.name = name;
  method.tau_theta = 0.5;
  return method;
}

TEST(ReleasedRule, GivesTheDirectionToTheOptimizerAndTheGradientToTheInput) {
  torch::manual_seed(2);
  for (const char* name : {"released-exact", "released-cg"}) {
    DirectedLinear layer(torch::nn::LinearOptions(6, 4), make_rule(released(name)));
    layer->to(at::kDouble);
    const at::Tensor input = torch::randn({20, 6}, at::TensorOptions(at::kDouble).requires_grad(true));
    const at::Tensor grad = torch::randn({20, 4}, at::kDouble);
    layer->forward(input).backward(grad);
    torch::NoGradGuard guard;
    const ReleasedSystem system{
        with_ones(input.detach()), at::cat({layer->weight, layer->bias.unsqueeze(1)}, 1).t(), grad, 0.5};
    const at::Tensor expected =
        std::string(name) == "released-exact" ? released_exact_direction(system) : released_cg_direction(system, 3);
    const at::Tensor found = at::cat({layer->weight.grad(), layer->bias.grad().unsqueeze(1)}, 1).t();
    EXPECT_LT((found - expected).abs().max().item<double>(), 1e-12) << name;
    EXPECT_TRUE(input.grad().equal(at::mm(grad, layer->weight))) << name;
  }
}

TEST(ReleasedRule, StandsInEveryHiddenLayerOfAnMlpAndInNoConvolution) {
  ModelConfig mlp;
  mlp.hidden = {12, 8};
  const auto layers = model_layers(mlp, {2, 8, 8}, 3);
  torch::nn::Sequential model = build_model(layers, released("released-cg"));
  const std::vector<LayerPlan> plan = plan_model(model, layers, 16);
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].solver, "released cg3");
  EXPECT_EQ(plan[1].solver, "released cg3");
  EXPECT_EQ(plan[2].solver, "gradient");

  ModelConfig convnet;
  convnet.name = "convnet";
  EXPECT_EQ(
      message_of<ConfigError>([&] {
        build_model(model_layers(convnet, {3, 32, 32}, 10), released("released-exact"));
      }),
      "the released methods are for models of fully connected layers only");
}

}  // namespace
}  // namespace proxprop::train
