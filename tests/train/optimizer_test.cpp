#include "support.h"
#include "train/check_config.h"
#include "train/errors.h"
#include "train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>

namespace proxprop::train {
namespace {

const std::vector<std::string> kAll = {"sgd",     "momentum", "nesterov", "adam", "adamw",
                                       "rmsprop", "lbfgs",    "adagrad",  "muon", "entropy_sgd"};

OptimizerConfig named(const std::string& name) {
  OptimizerConfig config;
  config.name = name;
  config.lr = name == "lbfgs" ? 1.0 : 0.01;
  config.momentum = 0.9;
  config.weight_decay = name == "lbfgs" ? 0.0 : 0.1;
  config.entropy_l = 2;
  config.entropy_eps = 0;  // the tests compare two runs in one process, which would draw different noise
  return config;
}

// A least-squares problem with its model and optimizer.
struct Problem {
  explicit Problem(const std::string& optimizer_name) : model(make_model()) {
    optimizer = make_optimizer(named(optimizer_name), *model);
  }

  static torch::nn::Sequential make_model() {
    torch::manual_seed(11);
    return torch::nn::Sequential(
        torch::nn::Linear(4, 5), torch::nn::Tanh(), torch::nn::Linear(5, 3), torch::nn::Tanh(),
        torch::nn::Linear(3, 2));
  }

  void step() {
    const at::Tensor input = at::linspace(-1, 1, 24).reshape({6, 4});
    const at::Tensor target = at::linspace(0, 1, 12).reshape({6, 2}).square();
    optimizer->step([&] {
      optimizer->zero_grad();
      at::Tensor loss = torch::nn::functional::mse_loss(model->forward(input), target);
      loss.backward();
      return loss;
    });
  }

  torch::nn::Sequential model;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
};

void expect_equal(const torch::nn::Sequential& a, const torch::nn::Sequential& b, const std::string& what) {
  const auto parameters = b->named_parameters();
  for (const auto& parameter : a->named_parameters()) {
    EXPECT_TRUE(parameter.value().equal(parameters[parameter.key()])) << what << " " << parameter.key();
  }
}

void copy_parameters(const torch::nn::Sequential& from, torch::nn::Sequential& to) {
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : from->named_parameters())
    to->named_parameters()[parameter.key()].copy_(parameter.value());
}

TEST(Optimizer, StateSurvivesByName) {
  for (const std::string& name : kAll) {
    Problem first(name);
    for (int i = 0; i < 3; ++i)
      first.step();
    Problem second(name);
    copy_parameters(first.model, second.model);
    restore_optimizer_state(*second.optimizer, *second.model, optimizer_state(*first.optimizer, *first.model));
    for (int i = 0; i < 3; ++i) {
      first.step();
      second.step();
    }
    expect_equal(first.model, second.model, name);
  }
}

TEST(Optimizer, StateIsNamedAfterTheParameter) {
  Problem problem("adam");
  EXPECT_TRUE(optimizer_state(*problem.optimizer, *problem.model).empty());
  problem.step();
  const TensorMap state = optimizer_state(*problem.optimizer, *problem.model);
  ASSERT_TRUE(state.contains("4.bias.exp_avg"));
  EXPECT_EQ(state.at("4.bias.exp_avg").sizes(), at::IntArrayRef({2}));
  EXPECT_EQ(state.at("0.weight.step").item<int64_t>(), 1);
}

// Duchi, Hazan, Singer, JMLR 2011, the diagonal matrix of their algorithm: G += g^2, theta -= lr g / (delta + sqrt(G)).
TEST(Optimizer, AdagradDividesByTheRootOfTheSumOfSquares) {
  OptimizerConfig config = named("adagrad");
  config.weight_decay = 0;
  config.eps = 0.01;
  torch::nn::Sequential model(torch::nn::Linear(3, 2));
  model->to(at::kDouble);
  const auto optimizer = make_optimizer(config, *model);
  at::Tensor weight = model->parameters()[0];
  at::Tensor expected = weight.detach().clone(), sum = at::zeros_like(expected);
  for (int step = 0; step < 5; ++step) {
    const at::Tensor g = torch::randn_like(expected);
    weight.mutable_grad() = g.clone();
    optimizer->step();
    sum = sum + g * g;
    expected = expected - config.lr * g / (config.eps + sum.sqrt());
    EXPECT_LE((weight.detach() - expected).abs().max().item<double>(), 1e-15) << step;
  }
}

// Under a constant gradient, of whatever size, the k-th step is lr / sqrt(k).
TEST(Optimizer, AdagradStepsShrinkAsOneOverTheRootOfTheirNumberWhateverTheScale) {
  OptimizerConfig config = named("adagrad");
  config.weight_decay = config.eps = 0;
  torch::nn::Module module;
  at::Tensor x = module.register_parameter("x", at::zeros({3}, at::kDouble));
  const auto optimizer = make_optimizer(config, module);
  x.mutable_grad() = at::tensor({1e-8, 1.0, -1e8}, at::kDouble);
  double expected = 0;
  for (int k = 1; k <= 100; ++k) {
    optimizer->step();
    expected += config.lr / std::sqrt(k);
    EXPECT_LE((x.detach() * at::tensor({-1, -1, 1}) - expected).abs().max().item<double>(), 1e-14) << k;
  }
}

TEST(Optimizer, MuonKeepsMomentumOfHiddenWeightsAndAdamWsStateOfTheRest) {
  Problem problem("muon");
  problem.step();
  const TensorMap state = optimizer_state(*problem.optimizer, *problem.model);
  for (const char* name : {"2.weight.momentum_buffer", "2.bias.exp_avg", "0.weight.exp_avg", "4.weight.exp_avg_sq"})
    EXPECT_TRUE(state.contains(name)) << name;
  EXPECT_EQ(state.size(), 1u + 5u * 3u);
}

TEST(Optimizer, StateOfAnotherOptimizerOrModelIsRefusedAndChangesNothing) {
  Problem adam("adam");
  adam.step();
  const TensorMap state = optimizer_state(*adam.optimizer, *adam.model);
  Problem momentum("momentum");
  momentum.step();
  EXPECT_THROW(restore_optimizer_state(*momentum.optimizer, *momentum.model, state), CheckpointError);
  EXPECT_EQ(optimizer_state(*momentum.optimizer, *momentum.model).size(), 6u);

  TensorMap wrong_shape = state;
  wrong_shape["4.bias.exp_avg"] = at::zeros({3});
  EXPECT_THROW(restore_optimizer_state(*adam.optimizer, *adam.model, wrong_shape), CheckpointError);
  Problem lbfgs("lbfgs");
  lbfgs.step();
  TensorMap shorter = optimizer_state(*lbfgs.optimizer, *lbfgs.model);
  shorter["0.weight.s.0"] = at::zeros({3}, at::kDouble);
  EXPECT_THROW(restore_optimizer_state(*lbfgs.optimizer, *lbfgs.model, shorter), CheckpointError);
  TensorMap unpaired = optimizer_state(*lbfgs.optimizer, *lbfgs.model);
  unpaired.erase("0.weight.y.0");
  EXPECT_THROW(restore_optimizer_state(*lbfgs.optimizer, *lbfgs.model, unpaired), CheckpointError);
  TensorMap renamed = state;
  renamed.emplace("9.bias.exp_avg", at::zeros({2}));
  EXPECT_THROW(restore_optimizer_state(*adam.optimizer, *adam.model, renamed), CheckpointError);
}

TEST(Optimizer, LearningRateCanBeReadAndSet) {
  for (const std::string& name : kAll) {
    Problem problem(name);
    set_learning_rate(*problem.optimizer, 0.25);
    EXPECT_EQ(learning_rate(*problem.optimizer), 0.25) << name;
  }
}

TEST(Optimizer, ImpossibleSettingsAreNamed) {
  const auto complaint = [](auto&& change) {
    OptimizerConfig config = named("nesterov");
    change(config);
    return message_of<ConfigError>([&] { make_optimizer(config, *Problem::make_model()); });
  };
  EXPECT_EQ(complaint([](OptimizerConfig& config) { config.lr = 0; }), "optimizer.lr must be positive, got 0");
  EXPECT_EQ(complaint([](OptimizerConfig& config) { config.beta1 = 1; }), "optimizer.beta1 must lie in [0, 1), got 1");
  EXPECT_EQ(
      complaint([](OptimizerConfig& config) { config.momentum = 0; }),
      "optimizer.name = nesterov needs optimizer.momentum > 0; sgd has none");
  EXPECT_EQ(
      complaint([](OptimizerConfig& config) { config.name = "sdg"; }),
      "optimizer.name must be sgd, momentum, nesterov, adam, adamw, rmsprop, lbfgs, adagrad, muon or entropy_sgd, got "
      "'sdg'");
  EXPECT_NE(
      complaint([](OptimizerConfig& config) { config.name = "lbfgs"; }).find("no weight decay"), std::string::npos);
  EXPECT_EQ(
      complaint([](OptimizerConfig& config) { config.lbfgs_history_size = 0; }),
      "optimizer.lbfgs_history_size must be at least 1, got 0");
}

TEST(Optimizer, LbfgsIsRefusedWhereItIsNotSound) {
  Config config = small_config();
  config.optimizer = named("lbfgs");
  const auto complaint = [&] { return message_of<ConfigError>([&] { check_config(config, 90); }); };
  EXPECT_NE(complaint().find("needs method.name = backprop"), std::string::npos);
  config.method.name = "backprop";
  EXPECT_EQ(complaint(), "");
  config.model.layers = {"flatten", "dropout", "linear 3"};
  EXPECT_NE(complaint().find("without dropout"), std::string::npos);
  config.model.layers = {"flatten", "batch_norm", "linear 3"};
  EXPECT_NE(complaint().find("without batch_norm"), std::string::npos);
}

// The mean cross-entropy of overlapping classes under a linear model is convex, with a minimum: there the gradient
// vanishes.
TEST(Optimizer, LbfgsTakesTheGradientOfAConvexLossDownToRounding) {
  torch::manual_seed(2);
  const at::Tensor input = torch::randn({300, 6}, torch::kDouble), labels = torch::randint(0, 3, {300}, torch::kLong);
  torch::nn::Sequential model(torch::nn::Linear(6, 3));
  model->to(torch::kDouble);
  const auto optimizer = make_optimizer(named("lbfgs"), *model);
  const auto closure = [&] {
    optimizer->zero_grad();
    at::Tensor loss = torch::nn::functional::cross_entropy(model->forward(input), labels);
    loss.backward();
    return loss;
  };
  const auto gradient = [&] {
    closure();
    return std::hypot(
        model->parameters()[0].grad().norm().item<double>(), model->parameters()[1].grad().norm().item<double>());
  };
  const double before = gradient();
  for (int step = 0; step < 5; ++step)
    optimizer->step(closure);
  EXPECT_LE(gradient(), 1e-9 * before);
}

// A step is over all records, train.batch_size of them at a time, in their own order.
TEST(Optimizer, LbfgsStepsOverAllRecordsWhateverTheBatchSize) {
  Config config = small_config();
  config.optimizer = named("lbfgs");
  config.method.name = "backprop";
  config.train.dtype = "float64";
  config.train.epochs = 4;
  std::vector<std::vector<StepEvent>> runs;
  for (const int64_t batch_size : {90, 16, 1000}) {
    config.train.batch_size = batch_size;
    Recorder recorder;
    train(config, banded_dataset(), options_for(recorder));
    ASSERT_EQ(recorder.steps.size(), 4u);
    EXPECT_LT(recorder.epochs.back().train_loss, 0.1 * recorder.epochs.front().train_loss);
    EXPECT_GT(recorder.steps.front().evaluations, 1);
    EXPECT_LE(recorder.steps.front().evaluations, 40);  // twenty iterations, most of one evaluation
    runs.push_back(recorder.steps);
  }
  EXPECT_NEAR(runs[1][1].loss, runs[0][1].loss, 1e-6 * runs[0][1].loss);
  EXPECT_EQ(runs[2][1].loss, runs[0][1].loss);
}

}  // namespace
}  // namespace proxprop::train
