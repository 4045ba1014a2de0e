// Prop. 1, Algorithm 2 against the drop-in layers, and the limits of implicit sweeps.

#include "lab/sweep.h"
#include "lab/a_rules.h"
#include "lab/last_rules.h"
#include "lab/theta_rules.h"
#include "lab/z_rules.h"
#include "models.h"

#include "support/modules.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

namespace proxprop::lab {
namespace {

using namespace testing;
using proxprop::testing::flatten;
using proxprop::testing::gradients;
using proxprop::testing::relative_error;

std::vector<Model> all_models() {
  std::vector<Model> models = others();
  models.insert(models.begin(), {mlp(), convnet()});
  return models;
}

at::Tensor backward(torch::nn::Sequential model, const Batch& batch) {
  model->zero_grad();
  const auto loss = torch::nn::functional::cross_entropy(model->forward(batch.input), batch.targets);
  loss.backward();
  return gradients(*model);
}

at::Tensor lab_direction(
    torch::nn::Sequential model, const Batch& batch, const StepRules& rules, SweepOptions options) {
  model->zero_grad();
  const Network network(model);
  set_gradients(network, sweep(network, batch, CrossEntropy(), rules, options));
  return gradients(*model);
}

// Prop. 1; ReLU and max pooling are differentiable at these points.
TEST(Algorithm1, IsGradientDescentForPenaltiesOfOneOverTau) {
  for (const Model& model : all_models()) {
    for (const double tau : {1e-3, 1.0, 7.0}) {
      const auto expected = backward(model.plain(), model.batch);
      const auto direction = lab_direction(model.plain(), model.batch, algorithm_1(), {tau, {}});
      EXPECT_LT(relative_error(direction, expected), 1e-13) << model.name << " tau " << tau;
    }
  }
}

TEST(Algorithm1, Float32DirectionsAreAsAccurateAsBackpropagation) {
  for (const Model& model : {mlp(), convnet()}) {
    const auto exact = backward(model.plain(), model.batch);
    auto single = model.plain();
    single->to(torch::kFloat);
    const Batch batch{model.batch.input.to(torch::kFloat), model.batch.targets};
    EXPECT_LT(relative_error(lab_direction(single, batch, algorithm_1(), {1e-3, {}}), exact), 2e-6) << model.name;
  }
}

// The proximal twins of the models, with the same layers and places of parameters.
torch::nn::Sequential proximal_mlp(const ProximalOptions& step) {
  namespace ours = proxprop::nn;
  const auto linear = [&](int64_t in, int64_t out) {
    return ours::Linear(ours::LinearOptions(in, out).tau_theta(step.tau_theta).solver(step.solver));
  };
  return torch::nn::Sequential(
      torch::nn::Flatten(), linear(12, 9), torch::nn::Tanh(), linear(9, 7), torch::nn::Sigmoid(), linear(7, 8),
      torch::nn::LeakyReLU(), torch::nn::Linear(8, 4));
}

torch::nn::Sequential proximal_convnet(const ProximalOptions& step) {
  namespace ours = proxprop::nn;
  const auto conv = [&](int64_t in, int64_t out) {
    return ours::Conv2d(ours::Conv2dOptions(in, out, 3).padding(1).tau_theta(step.tau_theta).solver(step.solver));
  };
  return torch::nn::Sequential(
      conv(2, 4), torch::nn::ReLU(), torch::nn::MaxPool2d(2), conv(4, 5), torch::nn::Tanh(), torch::nn::AvgPool2d(2),
      torch::nn::Flatten(), torch::nn::Linear(20, 4));
}

void copy_parameters(torch::nn::Sequential from, torch::nn::Sequential to) {
  const auto source = from->named_parameters();
  for (auto& item : to->named_parameters())
    item.value().set_data(source[item.key()].detach().clone());
}

Batch batch_of_step(const Batch& like, int step) {
  torch::manual_seed(100 + step);
  return {torch::randn(like.input.sizes(), torch::kDouble), torch::randint(4, {like.targets.size(0)}, torch::kLong)};
}

using MakeOptimizer = std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<at::Tensor>)>;

// The largest relative difference of the parameters after 20 steps, the lab's against the layers'.
double difference_after_20_steps(
    const Model& model,
    torch::nn::Sequential layers,
    const ProximalOptions& step,
    double tau,
    const MakeOptimizer& make_optimizer) {
  auto lab_model = model.plain();
  copy_parameters(lab_model, layers);
  const Network network(lab_model);
  const auto lab_optimizer = make_optimizer(lab_model->parameters());
  const auto layer_optimizer = make_optimizer(layers->parameters());
  for (int k = 0; k < 20; ++k) {
    const Batch batch = batch_of_step(model.batch, k);
    set_gradients(network, sweep(network, batch, CrossEntropy(), algorithm_2(step), {tau, {}}));
    lab_optimizer->step();
    backward(layers, batch);
    layer_optimizer->step();
  }
  return relative_error(flatten(lab_model->parameters()), flatten(layers->parameters()));
}

TEST(Algorithm2, EqualsTheDropInLayersOver20Steps) {
  const double tau = 0.5;
  const std::map<std::string, MakeOptimizer> optimizers = {
      {"sgd", [&](auto p) { return std::make_unique<torch::optim::SGD>(p, torch::optim::SGDOptions(tau)); }},
      {"nesterov",
       [&](auto p) {
         return std::make_unique<torch::optim::SGD>(p, torch::optim::SGDOptions(tau).momentum(0.9).nesterov(true));
       }},
      {"adam", [&](auto p) { return std::make_unique<torch::optim::Adam>(p, torch::optim::AdamOptions(0.01)); }}};
  for (const Solver& solver : std::vector<Solver>{Cholesky{}, ConjugateGradient{3}}) {
    const ProximalOptions step{.tau_theta = 0.6, .solver = solver};
    for (const auto& [name, make] : optimizers) {
      EXPECT_LT(difference_after_20_steps(mlp(), proximal_mlp(step), step, tau, make), 1e-10) << name;
      EXPECT_LT(difference_after_20_steps(convnet(), proximal_convnet(step), step, tau, make), 1e-10) << name;
    }
  }
}

TEST(Algorithm2, TakesMapsThatAreLinearInTheirParameters) {
  torch::manual_seed(17);
  const auto bilinear = [](at::TensorList theta, const at::Tensor& a) {
    return at::einsum("ni,oij,nj->no", {a, theta[0], a});
  };
  nn::LinearMap map(nn::LinearMapImpl::NamedParameters{{"form", torch::randn({4, 5, 5}, torch::kDouble)}}, bilinear);
  torch::nn::Sequential model(map, torch::nn::Tanh(), torch::nn::Linear(4, 3));
  model->to(torch::kDouble);
  const Batch batch = classification({6, 5}, 3);
  map->options.solver(ConjugateGradient{4}).tau_theta(0.3);
  const auto expected = backward(model, batch);
  const auto direction =
      lab_direction(model, batch, algorithm_2({.tau_theta = 0.3, .solver = ConjugateGradient{4}}), {0.7, {}});
  EXPECT_LT(relative_error(direction, expected), 1e-12);
}

// A sweep of implicit steps whose penalties stay while the step size goes to zero: the rules of z, a and the last layer
// become their explicit ones. (theta's step is explicit here: its proximal one has a step size of its own.)
TEST(ImplicitSweep, TendsToBackpropagation) {
  for (const Model& model : {mlp(), convnet()}) {
    auto plain = model.plain();
    const int64_t hidden = Network(plain).hidden_count();
    const double tau = 1e-7;
    const SweepOptions options{tau, Penalties::uniform(hidden, 1.0)};
    const StepRules implicit{
        std::make_shared<ImplicitZ>(), std::make_shared<ImplicitA>(), std::make_shared<ImplicitLast>(),
        std::make_shared<ExplicitTheta>()};
    const auto expected = lab_direction(model.plain(), model.batch, algorithm_1(), options);
    const auto direction = lab_direction(model.plain(), model.batch, implicit, options);
    const Network network(plain);
    // Each layer shrinks what passes through it by tau gamma tau rho: layers are compared one by one.
    const Sweep one = sweep(network, model.batch, CrossEntropy(), algorithm_1(), options);
    const Sweep other = sweep(network, model.batch, CrossEntropy(), implicit, options);
    const Sweep backprop = sweep(network, model.batch, CrossEntropy(), algorithm_1(), {1.0, {}});
    double shrinkage = 1;
    for (int64_t l = network.hidden_count(); l >= 0; --l) {
      EXPECT_LT(relative_error(flatten(other.directions[l]), flatten(one.directions[l])), 1e-5) << model.name << l;
      EXPECT_LT(relative_error(flatten(other.directions[l]) / shrinkage, flatten(backprop.directions[l])), 1e-5)
          << model.name << l;
      shrinkage *= tau * tau;
    }
  }
}

TEST(Sweep, LeavesTheParametersAlone) {
  const Model model = mlp();
  auto plain = model.plain();
  const auto before = flatten(plain->parameters()).clone();
  sweep(Network(plain), model.batch, CrossEntropy(), algorithm_2({}), {});
  EXPECT_TRUE(torch::equal(before, flatten(plain->parameters())));
}

TEST(Sweep, SkipsFrozenParameters) {
  const Model model = mlp();
  auto plain = model.plain();
  for (at::Tensor& parameter : plain->ptr(1)->parameters())
    parameter.requires_grad_(false);
  plain->ptr(3)->named_parameters()["bias"].requires_grad_(false);
  const Network network(plain);
  const Sweep result = sweep(network, model.batch, CrossEntropy(), algorithm_1(), {});
  EXPECT_TRUE(result.directions[0].empty());
  EXPECT_EQ(result.directions[1].size(), 1u);
  set_gradients(network, result);
  EXPECT_FALSE(plain->ptr(1)->parameters()[0].grad().defined());
}

TEST(Sweep, RefusesStepSizesAndPenaltiesThatMakeNoSense) {
  const Model model = mlp();
  auto plain = model.plain();
  const Network network(plain);
  const auto run = [&](SweepOptions options) { sweep(network, model.batch, CrossEntropy(), algorithm_1(), options); };
  EXPECT_NO_THROW(run({0.1, Penalties::uniform(3, 2.0)}));
  EXPECT_THROW(run({0.0, {}}), c10::Error);
  EXPECT_THROW(run({0.1, Penalties::uniform(2, 2.0)}), c10::Error);
  EXPECT_THROW(run({0.1, Penalties::uniform(3, -1.0)}), c10::Error);
}

}  // namespace
}  // namespace proxprop::lab
