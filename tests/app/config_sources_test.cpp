#include "app/config_sources.h"

#include "app/exit_codes.h"
#include "train/errors.h"

#include <gtest/gtest.h>

using namespace proxprop;
using namespace proxprop::app;

namespace {

template <class Error, class Function>
std::string message_of(Function&& function) {
  try {
    function();
    return "(nothing was thrown)";
  } catch (const Error& error) {
    return error.what();
  }
}

/// Settings of train.epochs from the named sources, added in this order.
ConfigSources epochs_from(const std::vector<std::string>& names) {
  ConfigSources sources;
  for (const std::string& name : names) {
    if (name == "file")
      sources.add_toml("[train]\nepochs = 11", "a.toml");
    if (name == "scoped file")
      sources.add_toml("[compare.exact.train]\nepochs = 12", "b.toml");
    if (name == "environment")
      sources.add_environment({"PROXPROP_TRAIN_EPOCHS=13"});
    if (name == "set")
      sources.add_set("train.epochs=14");
    if (name == "flag")
      sources.add_flag(*find_key("train.epochs"), "15");
    if (name == "scoped set")
      sources.add_set("exact.train.epochs=16");
  }
  return sources;
}

int64_t epochs(const ConfigSources& sources, const std::string& scope = "exact") {
  return sources.resolve(scope).config.train.epochs;
}

train::Config with_sets(const std::vector<std::string>& assignments) {
  ConfigSources sources;
  for (const std::string& assignment : assignments)
    sources.add_set(assignment);
  return sources.resolve().config;
}

}  // namespace

TEST(Precedence, LaterSourcesWinInWhateverOrderTheyAreAdded) {
  const std::vector<std::string> order = {"file", "scoped file", "environment", "set", "flag", "scoped set"};
  EXPECT_EQ(epochs(epochs_from({})), train::Config{}.train.epochs);
  for (std::size_t high = 0; high < order.size(); ++high) {
    const int64_t expected = 11 + static_cast<int64_t>(high);
    EXPECT_EQ(epochs(epochs_from({order[high]})), expected);
    for (std::size_t low = 0; low < high; ++low) {
      EXPECT_EQ(epochs(epochs_from({order[low], order[high]})), expected) << order[low] << " under " << order[high];
      EXPECT_EQ(epochs(epochs_from({order[high], order[low]})), expected) << order[high] << " over " << order[low];
    }
  }
}

TEST(Precedence, OfOneSourceTheLastSettingWins) {
  EXPECT_EQ(with_sets({"train.seed=1", "train.seed=2"}).train.seed, 2U);
}

TEST(Precedence, ScopedSettingsTouchOnlyTheirMethod) {
  const ConfigSources sources = epochs_from({"file", "scoped file", "scoped set"});
  EXPECT_EQ(epochs(sources, "exact"), 16);
  EXPECT_EQ(epochs(sources, "backprop"), 11);
  EXPECT_EQ(epochs(sources, ""), 11);
}

TEST(Precedence, TheLabelOfAMethodSaysTheMethod) {
  ConfigSources sources;
  sources.add_toml("[method]\nname = \"exact\"\ncg_iterations = 9", "a.toml");
  EXPECT_EQ(sources.resolve("backprop").config.method.name, "backprop");
  EXPECT_EQ(sources.resolve("cg").config.method.cg_iterations, 9);
  EXPECT_EQ(sources.resolve("cg4").config.method.cg_iterations, 4);
}

TEST(Precedence, AStartCountsAsGiven) {
  train::Config start;
  start.method.name = "backprop";
  start.optimizer.lr = 0.3;
  ConfigSources sources;
  sources.start_from(start);
  sources.add_set("train.epochs=3");
  const train::Config config = sources.resolve().config;
  EXPECT_EQ(config.optimizer.lr, 0.3);
  EXPECT_EQ(config.method.name, "backprop");
  EXPECT_EQ(config.train.epochs, 3);
}

TEST(DependentDefaults, AdamWBesideMuonHasItsAuthorsNumbers) {
  const train::OptimizerConfig muon = with_sets({"optimizer.name=muon"}).optimizer;
  EXPECT_EQ(muon.beta2, 0.95);
  EXPECT_EQ(muon.eps, 1e-10);
  const train::OptimizerConfig given =
      with_sets({"optimizer.name=muon", "optimizer.beta2=0.9", "optimizer.eps=1e-6"}).optimizer;
  EXPECT_EQ(given.beta2, 0.9);
  EXPECT_EQ(given.eps, 1e-6);
  EXPECT_EQ(with_sets({"optimizer.name=adamw"}).optimizer.beta2, 0.999);
}

TEST(DependentDefaults, LearningRateFollowsMethodAndOptimizer) {
  EXPECT_EQ(with_sets({"method.name=exact"}).optimizer.lr, 1.0);
  EXPECT_EQ(with_sets({"method.name=cg"}).optimizer.lr, 1.0);
  EXPECT_EQ(with_sets({"method.name=exact", "optimizer.name=adam"}).optimizer.lr, 1e-3);
  EXPECT_EQ(with_sets({"method.name=backprop", "optimizer.name=lbfgs"}).optimizer.lr, 1.0);
  EXPECT_EQ(with_sets({"method.name=backprop", "optimizer.name=entropy_sgd"}).optimizer.lr, 1.0);
  EXPECT_EQ(with_sets({"method.name=backprop", "optimizer.name=adagrad"}).optimizer.lr, 0.01);
  EXPECT_EQ(with_sets({"method.name=backprop", "optimizer.name=muon"}).optimizer.lr, 0.02);
  for (const char* name : {"foof", "isaac", "kfac"}) {
    EXPECT_EQ(with_sets({std::string("method.name=") + name}).optimizer.lr, 0.05);
  }
  EXPECT_EQ(with_sets({"method.name=locoprop_s"}).optimizer.lr, 1.0);
  for (const char* name : {"sgd", "momentum", "nesterov"}) {
    EXPECT_EQ(with_sets({"method.name=backprop", std::string("optimizer.name=") + name}).optimizer.lr, 0.05);
  }
  for (const char* name : {"adam", "adamw", "rmsprop"}) {
    EXPECT_EQ(with_sets({"method.name=backprop", std::string("optimizer.name=") + name}).optimizer.lr, 1e-3);
  }
}

TEST(DependentDefaults, TauThetaIsThePapersForEachOfItsNetworks) {
  EXPECT_EQ(with_sets({"model.name=mlp"}).method.tau_theta, 0.05);
  EXPECT_EQ(with_sets({"model.name=convnet"}).method.tau_theta, 1.0);
  EXPECT_EQ(with_sets({"model.layers=conv 4 3,relu,flatten"}).method.tau_theta, 1.0);
  EXPECT_EQ(with_sets({"model.name=convnet", "model.layers=linear 10,relu"}).method.tau_theta, 0.05);
}

TEST(DependentDefaults, WhatIsGivenStays) {
  EXPECT_EQ(with_sets({"method.name=backprop", "optimizer.lr=1"}).optimizer.lr, 1.0);
  EXPECT_EQ(with_sets({"model.name=convnet", "method.tau_theta=0.05"}).method.tau_theta, 0.05);
}

TEST(DependentDefaults, CgWithANumberBecomesIterations) {
  const train::Config config = with_sets({"method.name=cg12"});
  EXPECT_EQ(config.method.name, "cg");
  EXPECT_EQ(config.method.cg_iterations, 12);
  EXPECT_THROW(with_sets({"method.name=cg12", "method.cg_iterations=3"}), train::ConfigError);
  EXPECT_NO_THROW(with_sets({"method.name=cg12", "method.cg_iterations=12"}));
}

TEST(DependentDefaults, CgWithANumberOverrulesIterationsOfSourcesBelowIt) {
  ConfigSources sources;
  sources.add_toml("[method]\ncg_iterations = 10", "a.toml");
  sources.add_flag(*find_key("method.name"), "cg3");
  EXPECT_EQ(sources.resolve().config.method.name, "cg");
  EXPECT_EQ(sources.resolve().config.method.cg_iterations, 3);
  ConfigSources reversed;
  reversed.add_flag(*find_key("method.cg_iterations"), "10");
  reversed.add_toml("[method]\nname = \"cg3\"", "a.toml");
  EXPECT_EQ(reversed.resolve().config.method.name, "cg");
  EXPECT_EQ(reversed.resolve().config.method.cg_iterations, 10);
}

TEST(DependentDefaults, AStepRuleOfTheLabAsksForTheLab) {
  for (const char* rule : {"method.step_z=implicit", "method.step_theta=exact", "method.penalty_rho=0.5,1"}) {
    EXPECT_EQ(with_sets({rule}).method.name, "lab") << rule;
  }
  EXPECT_EQ(with_sets({"method.name=exact", "method.step_z=implicit"}).method.name, "exact");
  EXPECT_EQ(with_sets({"method.step_theta=explicit"}).optimizer.lr, 0.05);
  EXPECT_EQ(with_sets({"method.step_z=implicit"}).optimizer.lr, 1.0);
}

TEST(DependentDefaults, CgWithANumberMayStandInTheThetaStep) {
  const train::Config config = with_sets({"method.step_theta=cg12"});
  EXPECT_EQ(config.method.step_theta, "cg");
  EXPECT_EQ(config.method.cg_iterations, 12);
  EXPECT_THROW(with_sets({"method.step_theta=cg12", "method.cg_iterations=3"}), train::ConfigError);
  EXPECT_THROW(with_sets({"method.step_theta=cg12", "method.name=lab", "method.cg_iterations=3"}), train::ConfigError);
}

TEST(DependentDefaults, OfAComparedMethodTheLabelSaysTheMethod) {
  ConfigSources sources;
  sources.add_set("lab.method.step_z=implicit");
  sources.add_set("other.method.step_a=implicit");
  EXPECT_EQ(sources.resolve("exact").config.method.name, "exact");
  EXPECT_EQ(sources.resolve("lab").config.method.step_z, "implicit");
  EXPECT_EQ(sources.resolve("other").config.method.name, "lab");
}

TEST(Environment, ForeignVariablesAreIgnoredAndTyposAreNot) {
  ConfigSources sources;
  sources.add_environment(
      {"PATH=/bin", "PROXPROP_DATA=/data", "PROXPROP_TRAIN_EPOCHS=", "PROXPROP_PLOTLY=x", "broken"});
  EXPECT_EQ(sources.resolve().config.data.dir, "");
  const auto add = [&](const char* variable) { return [&, variable] { sources.add_environment({variable}); }; };
  EXPECT_EQ(
      message_of<train::ConfigError>(add("PROXPROP_TRAIN_EPOCH=3")),
      "unknown environment variable PROXPROP_TRAIN_EPOCH (did you mean PROXPROP_TRAIN_EPOCHS?)");
  EXPECT_EQ(
      message_of<train::ConfigError>(add("PROXPROP_TRAIN_EPOCHS=x")),
      "environment variable PROXPROP_TRAIN_EPOCHS must be an integer, not 'x'");
}

TEST(Set, MistakesAreUsageErrorsThatNameTheKey) {
  ConfigSources sources;
  const auto set = [&](const char* text) { return message_of<UsageError>([&] { sources.add_set(text); }); };
  EXPECT_EQ(set("train.epochs"), "--set needs key=value, e.g. --set train.epochs=3, not 'train.epochs'");
  EXPECT_EQ(set("epochs=3"), "--set: unknown key 'epochs' (did you mean train.epochs?)");
  EXPECT_EQ(set("train.epoch=3"), "--set: unknown key 'train.epoch' (did you mean train.epochs?)");
  EXPECT_EQ(set("exact.train.epoch=3"), "--set: unknown key 'exact.train.epoch' (did you mean train.epochs?)");
  EXPECT_EQ(set("train.epochs=x"), "--set: train.epochs must be an integer, not 'x'");
}
