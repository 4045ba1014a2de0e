// Data on standard output, everything else on standard error.

#include "scene.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>

namespace fs = std::filesystem;
using namespace proxprop::test;

class Output : public Scene {
 protected:
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(Output, JsonIsOneObjectWithASchemaVersion) {
  const std::vector<std::vector<std::string>> commands = {
      {"info", "--json"},
      {"info", "--json", "--plan", "--hidden=30"},
      {"data", "list", "--json"},
      {"train", "--dry-run", "--json", "--hidden=30"},
      {"compare", "--dry-run", "--json", "--hidden=30"},
      small({"train", "--json", "--epochs=1", "--out", path("run")}),
      small({"compare", "--json", "--epochs=1", "--methods=exact", "--out", path("c")}),
  };
  for (const auto& command : commands) {
    const Outcome outcome = run(command);
    ASSERT_EQ(outcome.code, 0) << command.front() << ": " << outcome.err;
    EXPECT_EQ(nlohmann::json::parse(outcome.out).at("schema_version"), 1) << command.front();
  }
}

TEST_F(Output, ThePlanSaysWhatEveryRouteCosts) {
  const Outcome outcome = run({"info", "--json", "--plan", "--hidden=30", "--batch-size=50"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto costs = nlohmann::json::parse(outcome.out).at("costs");
  ASSERT_EQ(costs.size(), 3u);
  int chosen = 0;
  for (const auto& cost : costs) {
    EXPECT_GT(cost.at("estimated").get<double>(), 0) << cost;
    EXPECT_TRUE(cost.at("measured").is_null() || cost.at("measured").get<double>() > -1) << cost;
    if (cost.at("chosen").get<bool>()) {
      ++chosen;
      EXPECT_TRUE(cost.at("measured").is_number()) << cost;
    }
  }
  EXPECT_EQ(chosen, 1);
  const Outcome table = run({"info", "--plan", "--hidden=30", "--batch-size=50"});
  EXPECT_NE(table.out.find("measured"), std::string::npos) << table.out;
  EXPECT_EQ(run({"info", "--plan", "--hidden=30", "--no-measure"}).out.find("measured"), std::string::npos);
}

TEST_F(Output, ADryRunIsAConfigurationFileForTheSameRun) {
  const Outcome first = run({"train", "--dry-run", "--method=cg7", "--hidden=30,20", "--lr=0.25", "--deterministic"});
  ASSERT_EQ(first.code, 0) << first.err;
  write("same.toml", first.out);
  const Outcome second = run({"train", "--dry-run", "--config", path("same.toml")});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
  EXPECT_FALSE(fs::exists("runs"));
}

TEST_F(Output, StepRulesTrainByTheirFlagsAndTheirEnergiesAreInTheReport) {
  const Outcome outcome = run_small(
      {"train", "--epochs=1", "--step-z=implicit", "--step-a=implicit", "--step-last=implicit", "--step-theta=cg2",
       "--penalty-gamma=0.5", "--record-energies=1", "--out", path("run")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string metrics = read("run/metrics.jsonl");
  EXPECT_NE(metrics.find("{\"event\":\"energy\""), std::string::npos);
  const auto config = nlohmann::json::parse(read("run/run.json")).at("config").at("method");
  EXPECT_EQ(config.at("name"), "lab");
  EXPECT_EQ(config.at("step_theta"), "cg");
  EXPECT_EQ(config.at("cg_iterations"), 2);
  EXPECT_EQ(config.at("penalty_gamma"), nlohmann::json::parse("[0.5]"));
  EXPECT_NE(read("run/report.html").find("\"block\":\"theta 1\""), std::string::npos);
  const Outcome energies = run({"train", "--dry-run", "--hidden=30", "--record-energies=2"});
  EXPECT_NE(energies.out.find("\nname = \"lab\""), std::string::npos) << energies.out;
  expect_error(
      run({"train", "--dry-run", "--method=exact", "--step-z=implicit"}), 3,
      "method.step_z belongs to method.name = lab, and method.name is exact");
}

TEST_F(Output, ADryComparisonIsAConfigurationFileForTheSameComparison) {
  const std::vector<std::string> dry = {"compare", "--dry-run", "--hidden=30"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), dry.begin(), dry.end());
    return run(more);
  };
  const Outcome first = with(
      {"--methods=backprop,exact,cg7,my-adam,a+b", "--set", "my-adam.method.name=backprop", "--set",
       "my-adam.optimizer.name=adam", "--set", "a+b.method.name=exact", "--set", "exact.optimizer.momentum=0.5"});
  ASSERT_EQ(first.code, 0) << first.err;
  write("same.toml", first.out);
  const Outcome second = run({"compare", "--dry-run", "--config", path("same.toml")});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
  // What all have in common stands there once.
  EXPECT_EQ(first.out.find("batch_size"), first.out.rfind("batch_size"));
}

TEST_F(Output, ASeedIsAnIntegerOfToml) {
  const Outcome largest = run({"train", "--dry-run", "--hidden=30", "--seed=9223372036854775807"});
  write("same.toml", largest.out);
  EXPECT_EQ(run({"train", "--dry-run", "--config", path("same.toml")}).out, largest.out);
  expect_error(run({"train", "--dry-run", "--seed=9223372036854775808"}), 2, "--seed must be at most");
}

TEST_F(Output, TheResolvedConfigurationIsWrittenWithTheRun) {
  write("a.toml", "[train]\nepochs = 9\n[optimizer]\nlr = 0.5\n");
  const Outcome outcome =
      run(small(
              {"train", "-q", "--config", path("a.toml"), "--set", "optimizer.lr=0.25", "--out", path("run"),
               "--epochs=1"}),
          {"PROXPROP_OPTIMIZER_MOMENTUM=0.5"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto config = nlohmann::json::parse(read_file(path("run/run.json"))).at("config");
  EXPECT_EQ(config.at("train").at("epochs"), 1);
  EXPECT_EQ(config.at("optimizer").at("lr"), 0.25);
  EXPECT_EQ(config.at("optimizer").at("momentum"), 0.5);
  EXPECT_EQ(config.at("train").at("seed"), 3);
}

TEST_F(Output, QuietLeavesStandardErrorEmpty) {
  const Outcome outcome = run_small({"train", "-q", "--epochs=1", "--out", path("run")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_NE(outcome.out.find("finished after 1 epochs"), std::string::npos) << outcome.out;
}

TEST_F(Output, ProgressInAFileHasNoControlCharacters) {
  const Outcome outcome = run_small({"train", "--epochs=2", "--out", path("run")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err, "");
  EXPECT_EQ(outcome.err.find_first_of("\r\033"), std::string::npos) << outcome.err;
}

TEST_F(Output, DataPathIsJustThePath) {
  const Outcome outcome = run({"data", "path", "mnist-5k"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(fs::is_directory(outcome.out.substr(0, outcome.out.size() - 1))) << outcome.out;
  EXPECT_EQ(run({"data", "path", "cifar10", "--dir", folder}).code, 3);
}
