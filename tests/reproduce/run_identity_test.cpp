#include "reproduce/run_identity.h"

#include <gtest/gtest.h>

#include <functional>

using namespace proxprop;
using reproduce::determining_settings;
using reproduce::run_identity;

namespace {

train::Config changed(const std::function<void(train::Config&)>& change) {
  train::Config config;
  config.method.name = "cg";
  change(config);
  return config;
}
const train::Config base = changed([](train::Config&) {});

TEST(RunIdentity, OfTheDefaultsNamesNoSetting) {
  EXPECT_EQ(determining_settings(train::Config{}), "{}");
}

TEST(RunIdentity, IsTwelveHexadecimalDigitsOfASha256) {
  // echo -n '{}' | sha256sum
  EXPECT_EQ(run_identity(train::Config{}), "44136fa355b3");
}

TEST(RunIdentity, DoesNotDependOnWhatDoesNotDetermineTheResult) {
  const std::vector<std::function<void(train::Config&)>> changes = {
      [](auto& c) { c.data.dir = "/elsewhere"; }, [](auto& c) { c.train.epochs = 99; },
      [](auto& c) { c.train.threads = 3; },       [](auto& c) { c.train.save_every = 5; },
      [](auto& c) { c.train.keep = 7; },          [](auto& c) { c.optimizer.beta1 = 0.5; },  // nesterov has none
      [](auto& c) { c.schedule.gamma = 0.5; },                            // constant has none
  };
  for (const auto& change : changes)
    EXPECT_EQ(run_identity(changed(change)), run_identity(base)) << determining_settings(changed(change));
}

TEST(RunIdentity, DependsOnWhatDeterminesTheResult) {
  const std::vector<std::function<void(train::Config&)>> changes = {
      [](auto& c) { c.data.name = "cifar10"; },      [](auto& c) { c.data.normalization = "center"; },
      [](auto& c) { c.model.hidden = {3}; },         [](auto& c) { c.method.tau_theta = 1; },
      [](auto& c) { c.method.cg_iterations = 5; },   [](auto& c) { c.optimizer.lr = 0.5; },
      [](auto& c) { c.optimizer.momentum = 0.5; },   [](auto& c) { c.optimizer.weight_decay = 0.1; },
      [](auto& c) { c.schedule.warmup_epochs = 1; }, [](auto& c) { c.train.seed = 1; },
      [](auto& c) { c.train.batch_size = 7; },       [](auto& c) { c.train.max_steps = 7; },
      [](auto& c) { c.train.dtype = "float64"; },    [](auto& c) { c.train.device = "cuda"; },
  };
  for (const auto& change : changes)
    EXPECT_NE(run_identity(changed(change)), run_identity(base)) << determining_settings(changed(change));
}

TEST(RunIdentity, OfBackpropagationDoesNotLookAtTheProximalStep) {
  const auto backprop = [](double tau_theta) {
    return changed([&](auto& c) {
      c.method.name = "backprop";
      c.method.tau_theta = tau_theta;
    });
  };
  EXPECT_EQ(run_identity(backprop(0.05)), run_identity(backprop(1)));
}

TEST(RunIdentity, DependsOnTheSettingsOfTheOptimizerThatHasThem) {
  const std::vector<std::function<void(train::OptimizerConfig&)>> changes = {
      [](auto& o) { o.muon_ns_steps = 3; },    [](auto& o) { o.muon_adam_lr = 0.1; },
      [](auto& o) { o.entropy_l = 2; },        [](auto& o) { o.entropy_eta = 0.5; },
      [](auto& o) { o.entropy_gamma0 = 0.5; }, [](auto& o) { o.entropy_gamma1 = 0.5; },
      [](auto& o) { o.entropy_alpha = 0.5; },  [](auto& o) { o.entropy_eps = 0.5; },
      [](auto& o) { o.lbfgs_max_iter = 3; },   [](auto& o) { o.lbfgs_history_size = 3; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    for (const char* name : {"muon", "entropy_sgd", "lbfgs", "nesterov"}) {
      train::Config with, without;
      with.optimizer.name = without.optimizer.name = name;
      changes[i](with.optimizer);
      const bool has_it = std::string(name) == (i < 2 ? "muon" : i < 8 ? "entropy_sgd" : "lbfgs");
      EXPECT_EQ(run_identity(with) != run_identity(without), has_it) << name << " " << i;
    }
  }
}

TEST(RunIdentity, OfAMethodThatTakesWholeStepsDoesNotLookAtTheOptimizer) {
  for (const char* method : {"hessian_free", "sfo", "mac", "admm"}) {
    train::Config plain, other;
    plain.method.name = other.method.name = method;
    other.optimizer.lr = 0.5;
    other.optimizer.momentum = 0.5;
    EXPECT_EQ(run_identity(plain), run_identity(other)) << method;
    other.method.hf_lambda = 0.5;
    EXPECT_NE(run_identity(plain), run_identity(other)) << method;
  }
}

TEST(RunIdentity, DependsOnTheNumberOfEpochsWhereTheScheduleDoes) {
  const auto cosine = [](int64_t epochs) {
    return changed([&](auto& c) {
      c.schedule.name = "cosine";
      c.train.epochs = epochs;
    });
  };
  EXPECT_NE(run_identity(cosine(10)), run_identity(cosine(20)));
}

}  // namespace
