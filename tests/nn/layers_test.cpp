// The layers against torch::nn's and against the direction itself.

#include "support/modules.h"

#include <proxprop/proxprop.h>

#include <gtest/gtest.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <sstream>
#include <thread>

namespace proxprop::testing {
namespace {

using torch::autograd::grad;

nn::Linear make_linear(int64_t in, int64_t out, bool bias = true, Solver solver = Cholesky{}) {
  nn::Linear layer(nn::LinearOptions(in, out).bias(bias).tau_theta(0.7).solver(solver));
  layer->to(torch::kDouble);
  return layer;
}

// What backward(weights . output) must leave in .grad: V of the stacked uses.
at::Tensor expected_direction(const at::Tensor& input, const at::Tensor& grad_output, const ProximalOptions& options) {
  return flatten(nn::functional::linear_direction(input, grad_output, options).direction);
}

template <typename Ours, typename Theirs>
void expect_interchangeable(Ours ours, Theirs theirs) {
  const auto our_parameters = ours->named_parameters();
  const auto their_parameters = theirs->named_parameters();
  ASSERT_EQ(our_parameters.keys(), their_parameters.keys());
  for (const auto& item : their_parameters) {
    EXPECT_EQ(our_parameters[item.key()].sizes(), item.value().sizes());
  }
  std::stringstream from_theirs;
  torch::save(theirs, from_theirs);
  torch::load(ours, from_theirs);
  std::stringstream from_ours;
  torch::save(ours, from_ours);
  torch::load(theirs, from_ours);
  for (const auto& item : theirs->named_parameters()) {
    EXPECT_TRUE(ours->named_parameters()[item.key()].equal(item.value()));
  }
}

TEST(Layers, SaveAndLoadInterchangeWithTorch) {
  expect_interchangeable(nn::Linear(5, 3), torch::nn::Linear(5, 3));
  expect_interchangeable(
      nn::Linear(nn::LinearOptions(5, 3).bias(false)), torch::nn::Linear(torch::nn::LinearOptions(5, 3).bias(false)));
  expect_interchangeable(nn::Conv1d(4, 6, 3), torch::nn::Conv1d(4, 6, 3));
  expect_interchangeable(
      nn::Conv2d(nn::Conv2dOptions(4, 6, {3, 2}).groups(2)),
      torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 6, {3, 2}).groups(2)));
  expect_interchangeable(nn::Conv3d(2, 3, 2), torch::nn::Conv3d(2, 3, 2));
  expect_interchangeable(nn::ConvTranspose1d(4, 6, 3), torch::nn::ConvTranspose1d(4, 6, 3));
  expect_interchangeable(
      nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 6, {3, 2}).groups(2).bias(false)),
      torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(4, 6, {3, 2}).groups(2).bias(false)));
  expect_interchangeable(nn::ConvTranspose3d(2, 3, 2), torch::nn::ConvTranspose3d(2, 3, 2));
}

TEST(Layers, SameSeedInitialisesAsTorch) {
  torch::manual_seed(5);
  nn::Linear linear(7, 4);
  nn::Conv2d conv(3, 4, 3);
  nn::ConvTranspose2d transposed(nn::ConvTranspose2dOptions(6, 4, {3, 2}).groups(2));
  torch::manual_seed(5);
  torch::nn::Linear torch_linear(7, 4);
  torch::nn::Conv2d torch_conv(3, 4, 3);
  torch::nn::ConvTranspose2d torch_transposed(torch::nn::ConvTranspose2dOptions(6, 4, {3, 2}).groups(2));
  EXPECT_TRUE(linear->weight.equal(torch_linear->weight) && linear->bias.equal(torch_linear->bias));
  EXPECT_TRUE(conv->weight.equal(torch_conv->weight) && conv->bias.equal(torch_conv->bias));
  EXPECT_TRUE(transposed->weight.equal(torch_transposed->weight) && transposed->bias.equal(torch_transposed->bias));
}

TEST(Linear, ForwardAndInputGradientAreTorchs) {
  for (const auto& leading : std::vector<std::vector<int64_t>>{{}, {4}, {2, 3}, {2, 1, 3}}) {
    auto layer = make_linear(5, 3);
    auto size = leading;
    size.push_back(5);
    const auto input = random(size).requires_grad_();
    const auto output = layer(input);
    const auto reference = torch::nn::functional::linear(input, layer->weight.detach(), layer->bias.detach());
    EXPECT_TRUE(output.equal(reference));
    const auto g = torch::randn_like(output);
    const auto ours = grad({output}, {input}, {g})[0];
    EXPECT_LE(relative_error(ours, grad({reference}, {input}, {g})[0]), 1e-14);
  }
}

TEST(Linear, InputGradientMatchesNumericJacobian) {
  auto layer = make_linear(4, 3);
  const auto input = random({2, 4}).requires_grad_();
  const auto g = random({2, 3});
  const auto analytic = grad({layer(input)}, {input}, {g})[0];
  torch::NoGradGuard no_grad;
  for (int64_t i = 0; i < 8; ++i) {
    auto step = torch::zeros(8, torch::kDouble);
    step[i] = 1e-6;
    const auto difference = (layer(input + step.view({2, 4})) - layer(input - step.view({2, 4}))) / 2e-6;
    EXPECT_NEAR((difference * g).sum().item<double>(), analytic.view({-1})[i].item<double>(), 1e-8);
  }
}

TEST(Linear, ParametersReceiveTheProximalDirection) {
  for (const bool bias : {true, false}) {
    auto layer = make_linear(5, 3, bias);
    const auto input = random({2, 4, 5});
    const auto g = random({2, 4, 3});
    layer(input).backward(g);
    const auto expected = nn::functional::linear_direction(input, g, layer->proximal_options(), bias);
    EXPECT_LE(relative_error(gradients(*layer), flatten(expected.direction)), 1e-14);
  }
}

TEST(Linear, GradientSolverIsBackpropagation) {
  auto layer = make_linear(5, 3, true, Gradient{});
  torch::nn::Linear reference(5, 3);
  reference->to(torch::kDouble);
  std::stringstream stream;
  torch::save(layer, stream);
  torch::load(reference, stream);
  const auto input = random({4, 5});
  const auto g = random({4, 3});
  layer(input).backward(g);
  reference(input).backward(g);
  EXPECT_TRUE(gradients(*layer).equal(gradients(*reference)));
}

TEST(Linear, FrozenParametersAreConstantsOfTheStep) {
  const auto input = random({6, 5});
  const auto g = random({6, 3});
  for (const auto& trained : {Trained{true, false}, Trained{false, true}}) {
    auto layer = make_linear(5, 3);
    layer->weight.set_requires_grad(trained.weight);
    layer->bias.set_requires_grad(trained.bias);
    layer(input).backward(g);
    EXPECT_EQ(layer->weight.grad().defined(), trained.weight);
    EXPECT_EQ(layer->bias.grad().defined(), trained.bias);
    const DenseTransfer transfer(input, 3, trained);
    const auto& direction = trained.weight ? layer->weight.grad() : layer->bias.grad();
    EXPECT_LE(relative_error(flatten({direction}), dense_direction(transfer, g, 0.7)), 1e-12);
  }
}

TEST(Linear, AllFrozenStillPassesTheGradientDown) {
  auto layer = make_linear(5, 3);
  for (auto& parameter : layer->parameters()) {
    parameter.set_requires_grad(false);
  }
  const auto input = random({6, 5}).requires_grad_();
  layer(input).sum().backward();
  EXPECT_TRUE(input.grad().defined());
  EXPECT_FALSE(layer->weight.grad().defined());
}

TEST(Linear, RetainedGraphGivesTheSameDirectionAgain) {
  auto layer = make_linear(5, 3);
  const auto output = layer(random({4, 5}));
  const auto g = random({4, 3});
  output.backward(g, /*retain_graph=*/true);
  const auto once = gradients(*layer).clone();
  output.backward(g);
  EXPECT_LE(relative_error(gradients(*layer), 2 * once), 1e-14);
}

TEST(Linear, OnlyTheInputGradientCanBeAskedFor) {
  auto layer = make_linear(5, 3);
  const auto input = random({4, 5}).requires_grad_();
  int steps = 0;
  layer->set_step_observer([&](const StepSummary&) { ++steps; });
  grad({layer(input).sum()}, {input});
  EXPECT_EQ(steps, 0);
  EXPECT_FALSE(layer->weight.grad().defined());
}

TEST(Linear, UsedTwiceInOneForwardTakesOneStackedStep) {
  auto layer = make_linear(4, 4);
  const auto input = random({5, 4});
  int steps = 0;
  layer->set_step_observer([&](const StepSummary&) { ++steps; });
  // z2 = phi(phi(input)): the uses see different inputs and gradients.
  const auto hidden = layer(input);
  hidden.retain_grad();
  const auto output = layer(hidden);
  const auto g = random({5, 4});
  output.backward(g);
  EXPECT_EQ(steps, 1);
  const auto stacked_input = torch::cat({input, hidden.detach()});
  const auto stacked_gradient = torch::cat({hidden.grad(), g});
  EXPECT_LE(
      relative_error(gradients(*layer), expected_direction(stacked_input, stacked_gradient, layer->proximal_options())),
      1e-12);
}

TEST(Linear, MicroBatchesInOneBackwardEqualTheWholeBatch) {
  auto layer = make_linear(6, 3);
  const auto input = random({8, 6});
  const auto g = random({8, 3});
  at::Tensor loss = torch::zeros({}, torch::kDouble);
  for (int64_t i = 0; i < 8; i += 2) {
    loss = loss + (layer(input.narrow(0, i, 2)) * g.narrow(0, i, 2)).sum();
  }
  loss.backward();
  EXPECT_LE(relative_error(gradients(*layer), expected_direction(input, g, layer->proximal_options())), 1e-12);
}

TEST(Linear, SeparateBackwardPassesTakeSeparateSteps) {
  auto layer = make_linear(6, 3);
  const auto a = random({4, 6}), b = random({4, 6});
  const auto g = random({4, 3}), h = random({4, 3});
  const auto first = layer(a);
  const auto second = layer(b);
  first.backward(g);
  second.backward(h);
  const auto options = layer->proximal_options();
  EXPECT_LE(
      relative_error(gradients(*layer), expected_direction(a, g, options) + expected_direction(b, h, options)), 1e-12);
}

TEST(Linear, ForwardWithoutBackwardLeavesNothingBehind) {
  auto layer = make_linear(6, 3);
  layer(random({4, 6}));  // recorded, never run backward
  {
    torch::NoGradGuard no_grad;
    layer(random({4, 6}));
  }
  const auto input = random({5, 6});
  const auto g = random({5, 3});
  layer(input).backward(g);
  EXPECT_LE(relative_error(gradients(*layer), expected_direction(input, g, layer->proximal_options())), 1e-14);
}

TEST(Linear, AFailedBackwardDoesNotReachTheNext) {
  auto layer = make_linear(6, 6);
  const auto input = random({5, 6});
  const auto g = random({5, 6});
  {
    const auto start = random({5, 6}).requires_grad_();
    auto poisoned = start * 1.0;
    poisoned.register_hook([](const at::Tensor&) -> at::Tensor { throw std::runtime_error("stop here"); });
    // The second use leaves its part, then the hook of the first use's input throws.
    EXPECT_THROW(layer(layer(poisoned)).sum().backward(), std::exception);
  }
  zero_grad(*layer);
  layer(input).backward(g);
  EXPECT_LE(relative_error(gradients(*layer), expected_direction(input, g, layer->proximal_options())), 1e-14);
}

TEST(Linear, ParameterChangedBeforeBackwardIsAnError) {
  auto layer = make_linear(4, 3);
  const auto input = random({2, 4}).requires_grad_();
  const auto output = layer(input);
  {
    torch::NoGradGuard no_grad;
    layer->weight.add_(1.0);
  }
  EXPECT_THROW(output.sum().backward(), c10::Error);
}

TEST(Linear, HigherDerivativesAreRefused) {
  auto layer = make_linear(4, 3);
  const auto input = random({2, 4}).requires_grad_();
  const auto output = layer(input).square().sum();
  EXPECT_THROW(grad({output}, {input}, {}, /*retain_graph=*/true, /*create_graph=*/true), c10::Error);
}

TEST(Linear, OptionsCanChangeBetweenSteps) {
  auto layer = make_linear(6, 3);
  const auto input = random({4, 6});
  const auto g = random({4, 3});
  layer(input);
  layer->set_tau_theta(0.01);
  layer(input).backward(g);
  ProximalOptions options = layer->proximal_options();
  EXPECT_EQ(options.tau_theta, 0.01);
  EXPECT_LE(relative_error(gradients(*layer), expected_direction(input, g, options)), 1e-14);
}

TEST(Linear, TrainsWithAnyOptimizer) {
  torch::manual_seed(0);
  const auto input = random({30, 6});
  const auto target = input.matmul(random({6, 2}));
  const auto loss_after = [&](auto&& make_optimizer) {
    torch::manual_seed(1);
    nn::Linear layer(nn::LinearOptions(6, 2).tau_theta(1.0));
    layer->to(torch::kDouble);
    auto optimizer = make_optimizer(layer->parameters());
    double loss_value = 0;
    for (int i = 0; i < 60; ++i) {
      optimizer.zero_grad();
      const auto loss = 0.5 * (layer(input) - target).square().sum();
      loss.backward();
      optimizer.step();
      loss_value = loss.template item<double>();
    }
    return loss_value;
  };
  using Parameters = std::vector<at::Tensor>;
  EXPECT_LT(loss_after([](Parameters p) { return torch::optim::SGD(p, torch::optim::SGDOptions(1.0)); }), 1e-10);
  EXPECT_LT(loss_after([](Parameters p) { return torch::optim::Adam(p, torch::optim::AdamOptions(0.1)); }), 1.0);
  EXPECT_LT(loss_after([](Parameters p) { return torch::optim::RMSprop(p, torch::optim::RMSpropOptions(0.05)); }), 1.0);
}

TEST(Layers, CloneIsIndependent) {
  auto layer = make_linear(5, 3);
  layer(random({2, 5}));
  const auto copy = std::dynamic_pointer_cast<nn::LinearImpl>(layer->clone());
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->weight.equal(layer->weight));
  EXPECT_EQ(copy->proximal_options().tau_theta, 0.7);
  const auto input = random({4, 5});
  const auto g = random({4, 3});
  copy->forward(input).backward(g);
  EXPECT_FALSE(layer->weight.grad().defined());
  EXPECT_LE(relative_error(gradients(*copy), expected_direction(input, g, layer->proximal_options())), 1e-14);
}

TEST(Layers, ChangingTheDtypeStartsAfresh) {
  nn::Linear layer(5, 3);
  layer(torch::randn({2, 5}));
  layer->to(torch::kDouble);
  layer(random({2, 5})).sum().backward();
  EXPECT_EQ(layer->weight.grad().scalar_type(), torch::kDouble);
}

TEST(Layers, WorkInASequential) {
  torch::nn::Sequential model(
      nn::Conv2d(nn::Conv2dOptions(1, 2, 3).padding(1)), torch::nn::ReLU(), torch::nn::Flatten(), nn::Linear(32, 5),
      torch::nn::Tanh(), torch::nn::Linear(5, 2));
  model->forward(torch::randn({3, 1, 4, 4})).sum().backward();
  for (const auto& parameter : model->parameters()) {
    EXPECT_TRUE(parameter.grad().defined());
  }
  std::ostringstream text;
  text << *model;
  EXPECT_NE(text.str().find("proxprop::nn::Linear(in_features=32"), std::string::npos) << text.str();
}

TEST(Layers, WrongShapesAreNamed) {
  nn::Linear linear(5, 3);
  EXPECT_THROW(linear(torch::randn({2, 4})), c10::Error);
  nn::Conv2d conv(3, 4, 3);
  EXPECT_THROW(conv(torch::randn({2, 4, 8, 8})), c10::Error);
  EXPECT_THROW(nn::Conv2d(nn::Conv2dOptions(3, 4, 3).groups(2)), c10::Error);
  EXPECT_THROW(nn::Linear(nn::LinearOptions(5, 3).tau_theta(0.0)), c10::Error);
}

TEST(Functional, TwinsEqualTheLayers) {
  auto layer = make_linear(5, 3);
  const auto input = random({4, 5});
  const auto g = random({4, 3});
  const auto weight = layer->weight.detach().clone().requires_grad_();
  const auto bias = layer->bias.detach().clone().requires_grad_();
  layer(input).backward(g);
  nn::functional::linear(input, weight, bias, layer->proximal_options()).backward(g);
  EXPECT_TRUE(weight.grad().equal(layer->weight.grad()) && bias.grad().equal(layer->bias.grad()));
}

TEST(Layers, OptionsMayBeChangedInEitherPlace) {
  auto layer = make_linear(5, 3);
  layer->options.tau_theta(0.01);
  EXPECT_EQ(layer->proximal_options().tau_theta, 0.01);
  layer->set_tau_theta(0.3);
  EXPECT_EQ(layer->options.tau_theta(), 0.3);
  const auto input = random({4, 5}), g = random({4, 3});
  layer(input).backward(g);
  EXPECT_LE(relative_error(gradients(*layer), expected_direction(input, g, {0.3})), 1e-14);
  EXPECT_THROW(layer->set_tau_theta(-1), c10::Error);
  layer->options.tau_theta(-1);
  EXPECT_THROW(layer(input), c10::Error);
}

TEST(Layers, NewOptionsKeepTheCouplingOfTheirKind) {
  nn::Conv2d conv(2, 3, 3);
  conv->set_proximal_options({1.0, ConjugateGradient{3}});
  EXPECT_EQ(std::get<ConjugateGradient>(conv->proximal_options().solver).coupling, Coupling::joint);
  auto linear = make_linear(5, 3);
  linear->set_proximal_options({1.0, ConjugateGradient{3}});
  EXPECT_EQ(std::get<ConjugateGradient>(linear->proximal_options().solver).coupling, Coupling::per_output);
}

TEST(Layers, PlanKnowsFrozenParametersAndForcedRoutes) {
  auto layer = make_linear(50, 3);
  EXPECT_THROW(layer->plan(random({4, 7})), c10::Error);
  layer->options.route(Route::feature_gram);
  EXPECT_EQ(layer->plan(random({4, 50})).route, Route::feature_gram);
  layer->weight.set_requires_grad(false);
  layer->bias.set_requires_grad(false);
  EXPECT_EQ(layer->plan(random({4, 50})).route, Route::gradient);
}

TEST(Layers, TwoThreadsTrainTheirOwnLayers) {
  const auto train = [](uint64_t seed, at::Tensor* result) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    const auto input = at::randn({16, 12}, generator, at::kDouble);
    const auto g = at::randn({16, 7}, generator, at::kDouble);
    nn::Linear layer(nn::LinearOptions(12, 7).tau_theta(0.7));
    layer->to(torch::kDouble);
    for (int step = 0; step < 50; ++step) {
      layer->zero_grad();
      layer(input).backward(g);
    }
    *result = gradients(*layer) - expected_direction(input, g, {0.7});
  };
  at::Tensor first, second;
  std::thread one(train, 1, &first), two(train, 2, &second);
  one.join();
  two.join();
  EXPECT_LE(first.norm().item<double>() + second.norm().item<double>(), 1e-13);
}

}  // namespace
}  // namespace proxprop::testing
