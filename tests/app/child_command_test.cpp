#include "app/child_command.h"

#include "app/config_flags.h"
#include "app/experiment_toml.h"
#include "train/records/config_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>

using namespace proxprop;
using namespace proxprop::app;

namespace {

train::Config resolved(const std::vector<std::string>& arguments) {
  CLI::App app;
  CLI::App* command = app.add_subcommand("train");
  ConfigFlags flags(*command);
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());
  words.emplace_back("train");
  app.parse(words);
  return flags.sources().resolve().config;
}

TEST(ChildCommand, ItsFlagsResolveToTheConfiguration) {
  for (const std::string& name : known_experiments()) {
    for (const reproduce::Cell& cell : read_experiment({name}).cells) {
      const train::Config found = resolved(config_arguments(cell.config));
      EXPECT_EQ(train::config_to_json(found).dump(1), train::config_to_json(cell.config).dump(1)) << name;
    }
  }
}

TEST(ChildCommand, AResumedRunIsToldOnlyWhatMayChange) {
  train::Config config;
  config.train.epochs = 7;
  config.data.dir = "data";
  const std::vector<std::string> words = child_command({false, true, config, "runs/a"});
  EXPECT_EQ(
      std::vector<std::string>(words.begin() + 1, words.end()),
      (std::vector<std::string>{"train", "-q", "--resume", "--epochs=7", "--data-dir=data", "--out", "runs/a"}));
}

TEST(ChildCommand, TheEnvironmentSetsNoKeys) {
  ::setenv("PROXPROP_TRAIN_EPOCHS", "3", 1);
  ::setenv("PROXPROP_DATA", "somewhere", 1);
  const std::vector<std::string> variables = child_environment();
  const auto has = [&](const std::string& text) {
    return std::find(variables.begin(), variables.end(), text) != variables.end();
  };
  EXPECT_FALSE(has("PROXPROP_TRAIN_EPOCHS=3"));
  EXPECT_TRUE(has("PROXPROP_DATA=somewhere"));
  ::unsetenv("PROXPROP_TRAIN_EPOCHS");
  ::unsetenv("PROXPROP_DATA");
}

}  // namespace
