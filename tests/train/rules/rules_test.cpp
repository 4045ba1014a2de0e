// ISAAC and LocoProp-S against their formulas, FOOF as a name of the running Gram, and the layers that follow a rule.

#include "layer_cases.h"
#include "tests/train/support.h"
#include "train/errors.h"
#include "train/method.h"
#include "train/model.h"
#include "train/rules/directed_layer.h"
#include "train/rules/isaac_rule.h"
#include "train/rules/locoprop_rule.h"
#include "train/rules/make_rule.h"

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::train {
namespace {

MethodConfig named(const std::string& name) {
  MethodConfig method;
  method.name = name;
  return method;
}

TEST(Isaac, IsThePapersFormulaForTheWeightAndTheGradientForTheBias) {
  torch::manual_seed(1);
  for (const LayerCase& c : layer_cases()) {
    for (const double lambda : {0.01, 1.0, 100.0}) {
      const at::Tensor a = c.rows.narrow(1, 0, c.rows.size(1) - 1);
      const at::Tensor k = at::mm(a, a.t()) / (c.row_count() * lambda), eye = at::eye(a.size(0), at::kDouble);
      const at::Tensor zeta = at::mm(at::mm(c.output_rows.t(), eye - at::mm(at::linalg_inv(eye + k), k)), a);
      const auto direction = IsaacRule(lambda).direction(c.pass());
      EXPECT_LE(relative_error(direction[0].flatten(1), zeta), 1e-10) << c.name << lambda;
      EXPECT_LE(relative_error(direction[1], c.output_rows.sum(0)), 1e-14) << c.name;
    }
  }
}

TEST(Isaac, IsLambdaTimesTheProximalStepInTheWeightOfTauThetaOneOverNLambda) {
  torch::manual_seed(2);
  for (const LayerCase& c : layer_cases()) {
    const double lambda = 0.3;
    const ProximalOptions options{1 / (c.row_count() * lambda), Cholesky{}, Scaling::sum};
    const auto weight = proximal_direction(*c.transfer({true, false}), c.grad_output, options).direction[0];
    // V(sum, tau_theta) = V(mean, S tau_theta) / S.
    const at::Tensor expected = weight * (c.row_count() * lambda);
    EXPECT_LE(relative_error(IsaacRule(lambda).direction(c.pass())[0], expected), 1e-11) << c.name;
  }
}

TEST(LocoProp, OneIterationIsTheGradient) {
  torch::manual_seed(3);
  for (const LayerCase& c : layer_cases()) {
    const LocoPropOptions options{1, /*gamma=*/3, /*eta=*/2, /*lr=*/0.05};
    const at::Tensor direction = as_matrix(LocoPropRule(options).direction(c.pass()));
    EXPECT_LE(relative_error(direction, 0.05 * 3 * c.gradient()), 1e-13) << c.name;
  }
}

TEST(LocoProp, IsGradientDescentOnTheLocalObjective) {
  torch::manual_seed(4);
  for (const LayerCase& c : layer_cases()) {
    const LocoPropOptions options{6, /*gamma=*/3, /*eta=*/2, /*lr=*/0.05};
    const at::Tensor target =
        c.forward(c.parameters[0], c.parameters[1]) - options.gamma * c.row_count() * c.grad_output;
    std::vector<at::Tensor> w = {c.parameters[0].clone(), c.parameters[1].clone()};
    for (int64_t t = 0; t < options.t; ++t) {
      for (at::Tensor& parameter : w)
        parameter = parameter.detach().requires_grad_();
      at::Tensor objective = (c.forward(w[0], w[1]) - target).square().sum() / (2 * c.row_count());
      for (size_t i = 0; i < w.size(); ++i)
        objective = objective + (w[i] - c.parameters[i]).square().sum() / (2 * options.eta);
      objective.backward();
      const double lr = options.lr * std::max(1 - static_cast<double>(t) / static_cast<double>(options.t), 0.25);
      for (at::Tensor& parameter : w)
        parameter = parameter.detach() - lr * parameter.grad();
    }
    const at::Tensor expected = as_matrix({c.parameters[0] - w[0], c.parameters[1] - w[1]});
    EXPECT_LE(relative_error(as_matrix(LocoPropRule(options).direction(c.pass())), expected), 1e-12) << c.name;
  }
}

TEST(LocoProp, ManyIterationsAreGammaTimesTheProximalStepWithTauThetaEta) {
  torch::manual_seed(5);
  for (const LayerCase& c : layer_cases()) {
    const LocoPropOptions options{3000, /*gamma=*/3, /*eta=*/2, /*lr=*/0.05};
    const ProximalOptions step{options.eta, Cholesky{}, Scaling::mean};
    const at::Tensor expected =
        options.gamma * as_matrix(proximal_direction(*c.transfer({}), c.grad_output, step).direction);
    EXPECT_LE(relative_error(as_matrix(LocoPropRule(options).direction(c.pass())), expected), 1e-12) << c.name;
  }
}

TEST(Foof, IsTheRunningGramByOtherNames) {
  MethodConfig method = named("foof");
  method.foof_lambda = 0.25;
  method.foof_m = 0.8;
  method.foof_s = 3;
  method.foof_t = 7;
  const auto options = proximal_options(method);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->solver, Solver(RunningGram{.decay = 0.8, .update_every = 7, .average_steps = 3}));
  EXPECT_EQ(options->tau_theta, 4);
  EXPECT_EQ(options->scaling, Scaling::mean);
  method.foof_s = 8;
  EXPECT_EQ(
      message_of<ConfigError>([&] { proximal_options(method); }),
      "method.foof_s must lie from 1 to method.foof_t = 7, "
      "got 8");
}

// (Delta W)^T = (lambda I + A A^T)^-1 A E^T with means over the batch (Benzing, eq. 6).
TEST(Foof, FirstDirectionIsThePapersFormula) {
  torch::manual_seed(6);
  MethodConfig method = named("foof");
  for (const LayerCase& c : layer_cases()) {
    SolverState state;
    const at::Tensor found =
        as_matrix(proximal_direction(*c.transfer({}), c.grad_output, *proximal_options(method), &state).direction);
    at::Tensor matrix = at::mm(c.rows.t(), c.rows) / c.row_count();
    matrix.diagonal().add_(method.foof_lambda);
    EXPECT_LE(relative_error(found, at::linalg_solve(matrix, c.gradient().t()).t()), 1e-11) << c.name;
  }
}

// What the optimizer gets is the rule's; what the layer below gets is the ordinary gradient.
template <class Layer, class Plain>
void expect_directed(Layer layer, Plain plain, const at::Tensor& input) {
  layer->to(at::kDouble);
  plain->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  plain->weight.copy_(layer->weight);
  plain->bias.copy_(layer->bias);
  const at::Tensor one = input.clone().requires_grad_(), other = input.clone().requires_grad_();
  const torch::AutoGradMode enable_grad(true);
  const at::Tensor z = layer->forward(one), expected = plain->forward(other);
  EXPECT_TRUE(z.equal(expected));
  const at::Tensor grad = torch::randn_like(expected);
  z.backward(grad);
  expected.backward(grad);
  EXPECT_LE(relative_error(one.grad(), other.grad()), 1e-14);
  // LocoProp with one iteration: lr gamma times the gradient.
  EXPECT_LE(relative_error(layer->weight.grad(), 0.5 * plain->weight.grad()), 1e-13);
  EXPECT_LE(relative_error(layer->bias.grad(), 0.5 * plain->bias.grad()), 1e-13);
}

TEST(DirectedLayer, HandsTheOptimizerTheRulesDirectionAndTheInputItsGradient) {
  torch::manual_seed(7);
  const auto rule = [] { return std::make_unique<LocoPropRule>(LocoPropOptions{1, 1, 1, 0.5}); };
  const torch::nn::LinearOptions linear(5, 3);
  expect_directed(DirectedLinear(linear, rule()), torch::nn::Linear(linear), torch::randn({6, 5}, at::kDouble));
  const auto conv = torch::nn::Conv2dOptions(4, 6, {3, 2}).stride({2, 1}).padding({1, 0}).dilation({1, 2}).groups(2);
  expect_directed(DirectedConv2d(conv, rule()), torch::nn::Conv2d(conv), torch::randn({3, 4, 8, 7}, at::kDouble));
  const auto transposed =
      torch::nn::ConvTranspose2dOptions(4, 6, {3, 2}).stride({2, 3}).padding({1, 0}).output_padding({1, 2}).groups(2);
  expect_directed(
      DirectedConvTranspose2d(transposed, rule()), torch::nn::ConvTranspose2d(transposed),
      torch::randn({3, 4, 5, 4}, at::kDouble));
}

TEST(DirectedLayer, HasTheInitialParametersOfEveryOtherMethod) {
  ModelConfig config;
  config.layers = {"conv 4 3 padding=1", "relu", "conv_transpose 3 2 stride=2", "tanh", "flatten", "linear 6", "relu"};
  const auto layers = model_layers(config, {2, 8, 8}, 3);
  torch::manual_seed(8);
  const auto expected = build_model(layers, named("backprop"))->named_parameters();
  for (const char* name : {"isaac", "kfac", "locoprop_s", "foof"}) {
    torch::manual_seed(8);
    torch::nn::Sequential model = build_model(layers, named(name));
    for (const auto& parameter : model->named_parameters())
      EXPECT_TRUE(parameter->equal(expected[parameter.key()])) << name << " " << parameter.key();
  }
}

TEST(DirectedLayer, KfacAndLocoPropTakeTheOutputLayerToo) {
  ModelConfig config;
  config.hidden = {7};
  const auto layers = model_layers(config, {1, 4, 4}, 3);
  for (const char* name : {"isaac", "kfac", "locoprop_s"}) {
    torch::nn::Sequential model = build_model(layers, named(name));
    const auto plan = plan_model(model, layers, 16);
    ASSERT_EQ(plan.size(), 2U);
    EXPECT_EQ(plan[0].solver, name);
    EXPECT_EQ(plan[1].solver, std::string(name) == "isaac" ? "gradient" : name) << name;
  }
}

TEST(MakeRule, NamesTheSettingThatIsImpossible) {
  MethodConfig method = named("kfac");
  method.kfac_lambda = 0;
  EXPECT_EQ(message_of<ConfigError>([&] { make_rule(method); }), "method.kfac_lambda must be positive, got 0");
  method = named("kfac");
  method.kfac_fisher = "exact";
  EXPECT_EQ(
      message_of<ConfigError>([&] { make_rule(method); }),
      "method.kfac_fisher must be sampled or empirical, got "
      "'exact'");
  method = named("locoprop_s");
  method.locoprop_t = 0;
  EXPECT_EQ(message_of<ConfigError>([&] { make_rule(method); }), "method.locoprop_t must be at least 1, got 0");
  method = named("isaac");
  method.isaac_lambda = -1;
  EXPECT_EQ(message_of<ConfigError>([&] { make_rule(method); }), "method.isaac_lambda must be positive, got -1");
}

// Two ranks in name only: what is refused is refused before anything is sent.
class TwoRanks final : public Communicator {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 2; }

 private:
  Await do_all_reduce(at::Tensor) override { return sent(); }
  Await do_reduce(at::Tensor, int64_t) override { return sent(); }
  Await do_broadcast(at::Tensor, int64_t) override { return sent(); }
  Await do_all_gather(at::Tensor, at::Tensor) override { return sent(); }
  static Await sent() {
    ADD_FAILURE() << "something is sent";
    return [] {};
  }
};

TEST(ManyRanks, AreRefusedWhereTheMethodWouldNotBeExact) {
  const Dataset dataset = banded_dataset();
  Recorder recorder;
  TrainerOptions options = options_for(recorder);
  options.communicator = std::make_shared<TwoRanks>();
  for (const char* name : {"isaac", "kfac", "locoprop_s", "released-exact"}) {
    Config config = small_config();
    config.method.name = name;
    EXPECT_NE(
        message_of<ConfigError>([&] { train(config, dataset, options); }).find("trains on one rank alone"),
        std::string::npos)
        << name;
  }
  Config config = small_config();
  config.method.name = "backprop";
  config.optimizer.name = "entropy_sgd";
  config.optimizer.entropy_l = 3;
  EXPECT_NE(message_of<ConfigError>([&] { train(config, dataset, options); }).find("its own noise"), std::string::npos);
}

}  // namespace
}  // namespace proxprop::train
