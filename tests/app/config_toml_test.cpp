#include "app/config_sources.h"
#include "train/errors.h"

#include <gtest/gtest.h>

using namespace proxprop;
using namespace proxprop::app;

namespace {

std::string complaint(const char* text) {
  ConfigSources sources;
  try {
    sources.add_toml(text, "a.toml");
    return "(accepted)";
  } catch (const train::ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST(Toml, EveryTypeOfKeyIsRead) {
  ConfigSources sources;
  sources.add_toml(
      R"(
[data]
name = "synthetic"
[model]
hidden = [30, 20]
layers = ["linear 5", "relu"]
[optimizer]
lr = 1          # an integer will do for a number
[train]
epochs = 7
seed = 18
deterministic = true
save_every = 0.5
)",
      "a.toml");
  const train::Config config = sources.resolve().config;
  EXPECT_EQ(config.data.name, "synthetic");
  EXPECT_EQ(config.model.hidden, (std::vector<int64_t>{30, 20}));
  EXPECT_EQ(config.model.layers, (std::vector<std::string>{"linear 5", "relu"}));
  EXPECT_EQ(config.optimizer.lr, 1.0);
  EXPECT_EQ(config.train.epochs, 7);
  EXPECT_EQ(config.train.seed, 18U);
  EXPECT_TRUE(config.train.deterministic);
  EXPECT_EQ(config.train.save_every, 0.5);
}

TEST(Toml, MistakesAreFoundByLineAndColumn) {
  EXPECT_EQ(complaint("[train]\nepoch = 3"), "a.toml:2:1: unknown key 'train.epoch' (did you mean train.epochs?)");
  EXPECT_EQ(complaint("epochs = 3"), "a.toml:1:1: unknown key 'epochs' (did you mean train.epochs?)");
  EXPECT_EQ(complaint("\n[trian]\nepochs = 3"), "a.toml:2:2: unknown table 'trian' (did you mean train?)");
  EXPECT_EQ(complaint("train = 3"), "a.toml:1:1: train must be a table: [train]");
  EXPECT_EQ(complaint("[train]\n  epochs = \"3\""), "a.toml:2:12: train.epochs must be an integer");
  EXPECT_EQ(complaint("[train]\nepochs = -3"), "a.toml:2:10: train.epochs must be at least 0, not -3");
  EXPECT_EQ(complaint("[model]\nhidden = [3, 'x']"), "a.toml:2:10: model.hidden must be an integer");
  EXPECT_EQ(
      complaint("[method]\nname = 'exakt'"),
      "a.toml:2:8: method.name must be one of backprop, exact, cg, amortized, running_gram, released-exact, "
      "released-cg, lab, foof, isaac, kfac, locoprop_s, hessian_free, sfo, mac, admm, not 'exakt' (did you mean "
      "exact?)");
}

TEST(Toml, SyntaxErrorsAreFoundByLineAndColumn) {
  const std::string message = complaint("[train]\nepochs = = 3");
  EXPECT_EQ(message.find("a.toml:2:"), 0U) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(Toml, CompareHoldsMethodsAndTheirSettings) {
  ConfigSources sources;
  sources.add_toml(
      "[compare]\nmethods = ['backprop', 'fast']\n[compare.fast.method]\nname = "
      "'exact'\n[compare.backprop.optimizer]\nlr = 0.5",
      "a.toml");
  EXPECT_EQ(sources.methods(), (std::vector<std::string>{"backprop", "fast"}));
  EXPECT_EQ(sources.resolve("backprop").config.optimizer.lr, 0.5);
  EXPECT_EQ(sources.resolve("fast").config.method.name, "exact");
  EXPECT_TRUE(sources.names_method("fast"));
  EXPECT_FALSE(sources.names_method("backprop"));
  EXPECT_EQ(
      complaint("[compare]\nmethod = 'exact'"), "a.toml:2:1: unknown key 'compare.method' (did you mean methods?)");
  EXPECT_EQ(
      complaint("[compare.exact.train]\nepoch = 3"),
      "a.toml:2:1: unknown key 'train.epoch' (did you mean train.epochs?)");
}

TEST(Toml, AMissingFileIsAConfigError) {
  ConfigSources sources;
  EXPECT_THROW(sources.add_file("/nonexistent/a.toml"), train::ConfigError);
  EXPECT_THROW(sources.add_file("/"), train::ConfigError);
}
