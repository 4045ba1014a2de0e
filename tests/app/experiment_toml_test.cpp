#include "app/experiment_toml.h"

#include "app/exit_codes.h"
#include "train/errors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

using namespace proxprop;
using namespace proxprop::app;
using reproduce::Experiment;

namespace {

Experiment read(const std::string& text, const ExperimentRequest& request = {"mine.toml"}) {
  return read_experiment_text(text, "mine", "mine.toml", request);
}

std::string error(const std::string& text) {
  try {
    read(text);
  } catch (const train::ConfigError& problem) {
    return problem.what();
  }
  return "";
}

const std::string minimal = "[experiment]\ntitle = \"T\"\n[compare]\nmethods = [\"backprop\", \"exact\"]\n";

TEST(ExperimentToml, IsAComparisonWithATableForWhatItShows) {
  const Experiment experiment = read(minimal + "[optimizer]\nlr = 0.25\n[compare.exact.optimizer]\nlr = 2\n");
  EXPECT_EQ(experiment.title, "T");
  EXPECT_EQ(experiment.shows, reproduce::Shows::curves);
  ASSERT_EQ(experiment.cells.size(), 2U);
  EXPECT_EQ(experiment.cells[0].config.method.name, "backprop");
  EXPECT_EQ(experiment.cells[0].config.optimizer.lr, 0.25);
  EXPECT_EQ(experiment.cells[1].config.optimizer.lr, 2);
}

TEST(ExperimentToml, AGridIsTheProductOfItsAxesInTheOrderOfTheirKeys) {
  const Experiment experiment =
      read(minimal + "[experiment.grid]\noptimizer.lr = [1, 5e-4]\nmethod.tau_theta = [0.5, 2]\n");
  ASSERT_EQ(experiment.cells.size(), 8U);
  EXPECT_EQ(point_text(experiment.cells[0].point), "0.5, 1");
  EXPECT_EQ(point_text(experiment.cells[1].point), "0.5, 5e-04");
  EXPECT_EQ(point_text(experiment.cells[2].point), "2, 1");
  EXPECT_EQ(experiment.cells[7].config.optimizer.lr, 5e-4);
  EXPECT_EQ(experiment.cells[7].config.method.tau_theta, 2);
  EXPECT_EQ(experiment.cells[7].method, "exact");
}

TEST(ExperimentToml, AMethodMayHaveAGridOfItsOwn) {
  const Experiment experiment = read(
      minimal + "[experiment.grid]\noptimizer.lr = [1, 2, 3]\n[experiment.grid.exact]\nmethod.tau_theta = [0.5]\n");
  ASSERT_EQ(experiment.cells.size(), 4U);
  EXPECT_EQ(experiment.cells[3].config.method.tau_theta, 0.5);
}

TEST(ExperimentToml, MistakesAreNamedWithTheirPlace) {
  EXPECT_NE(error("[compare]\nmethods = [\"exact\"]\n").find("no table [experiment]"), std::string::npos);
  EXPECT_NE(
      error(minimal + "[experiment.grid]\noptimizer.rate = [1]\n").find("unknown key 'optimizer.rate'"),
      std::string::npos);
  EXPECT_NE(
      error(minimal + "[experiment.grid.exat]\noptimizer.lr = [1]\n").find("did you mean exact"), std::string::npos);
  EXPECT_NE(error(minimal + "[experiment.other]\nx = 1\n").find("unknown key 'experiment.other'"), std::string::npos);
  EXPECT_NE(
      error("[experiment]\nshows = \"bars\"\n[compare]\nmethods = [\"exact\"]\n").find("mine.toml:2:"),
      std::string::npos);
  EXPECT_NE(error("[experiment]\n").find("names none"), std::string::npos);
}

TEST(ExperimentToml, ATuningStudyGivesEveryMethodTheSameNumberOfRuns) {
  const std::string tuning = "[experiment]\nshows = \"tuning\"\n[compare]\nmethods = [\"backprop\", \"exact\"]\n";
  EXPECT_EQ(error(tuning + "[experiment.grid]\noptimizer.lr = [1, 2]\n"), "");
  EXPECT_NE(
      error(tuning + "[experiment.grid]\noptimizer.lr = [1, 2]\n[experiment.grid.exact]\noptimizer.lr = [1]\n")
          .find("same number of runs"),
      std::string::npos);
}

TEST(ExperimentToml, WithOtherDataOrSettingsItHasAnotherNameAndNoValuesOfThePaper) {
  const Experiment experiment = read_experiment({"fig3", 2, "mnist-5k", "", "", {"optimizer.lr=0.1"}});
  EXPECT_EQ(experiment.name, "fig3-mnist-5k-lr=0.1");
  EXPECT_TRUE(experiment.title.ends_with("; here with data mnist-5k, optimizer.lr=0.1")) << experiment.title;
  EXPECT_TRUE(experiment.paper.empty());
  EXPECT_EQ(experiment.cells[0].config.train.epochs, 2);
  EXPECT_EQ(experiment.cells[0].config.data.train_size, 0);
  EXPECT_EQ(experiment.cells[0].config.optimizer.lr, 0.1);
}

TEST(ExperimentToml, AnUnknownExperimentIsTheUsersMistake) {
  EXPECT_THROW(read_experiment({"fig4"}), UsageError);
}

TEST(Experiments, OfThePaperHaveItsSettings) {
  const Experiment fig2 = read_experiment({"fig2"});
  EXPECT_EQ(fig2.methods, (std::vector<std::string>{"backprop", "exact", "cg3", "cg5", "cg10"}));
  for (const reproduce::Cell& cell : fig2.cells) {
    EXPECT_EQ(cell.config.optimizer.lr, cell.method == "backprop" ? 0.05 : 1);
    EXPECT_EQ(cell.config.method.tau_theta, 0.05);
    EXPECT_EQ(cell.config.optimizer.name, "nesterov");
    EXPECT_EQ(cell.config.optimizer.momentum, 0.95);
    EXPECT_EQ(cell.config.train.batch_size, 500);
    EXPECT_EQ(cell.config.data.train_size, 45000);
    EXPECT_EQ(cell.config.data.validation_size, 5000);
  }
  const Experiment fig3 = read_experiment({"fig3"});
  EXPECT_EQ(fig3.methods, (std::vector<std::string>{"backprop", "exact", "cg3", "cg10"}));
  EXPECT_EQ(fig3.cells[2].config.optimizer.name, "adam");
  EXPECT_EQ(fig3.cells[2].config.optimizer.lr, 1e-3);
  EXPECT_EQ(fig3.cells[2].config.method.tau_theta, 1);
  EXPECT_EQ(fig3.cells[2].config.train.epochs, 50);

  const Experiment table1 = read_experiment({"table1"});
  ASSERT_EQ(table1.cells.size(), 36U);
  EXPECT_EQ(table1.cells[0].config.optimizer.lr, 50);
  EXPECT_EQ(table1.cells[35].config.optimizer.lr, 5e-4);
  EXPECT_EQ(table1.cells[35].config.method.cg_iterations, 5);
  EXPECT_EQ(table1.cells[35].config.method.tau_theta, 1);
  for (const reproduce::PaperValues& paper : table1.paper)
    EXPECT_EQ(paper.train_loss.size(), 9U);
  EXPECT_TRUE(std::isnan(table1.paper[0].train_loss[4]));
  EXPECT_EQ(table1.paper[3].train_loss[3], 3e-4);
}

int64_t epochs_of(const Experiment& experiment, const std::string& method) {
  for (const reproduce::Cell& cell : experiment.cells) {
    if (cell.method == method)
      return cell.config.train.epochs;
  }
  throw std::runtime_error("no method " + method);
}

TEST(Experiments, OfTheRelativesGiveEveryMethodAsManyRunsAndWholeBatchMethodsTheirOwnEpochs) {
  for (const auto& [name, runs] : {std::pair("relatives", 6), {"relatives-mlp", 3}, {"relatives-convnet", 3}}) {
    const Experiment experiment = read_experiment({name});
    EXPECT_EQ(experiment.shows, reproduce::Shows::tuning);
    EXPECT_EQ(experiment.cells.size(), experiment.methods.size() * static_cast<size_t>(runs)) << name;
    for (const char* method : {"backprop-sgd", "exact-nesterov", "kfac-nesterov", "foof-nesterov"})
      EXPECT_EQ(epochs_of(experiment, method), epochs_of(experiment, "backprop-adam")) << name << " " << method;
    EXPECT_LT(epochs_of(experiment, "backprop-lbfgs"), epochs_of(experiment, "backprop-adam")) << name;
    EXPECT_LT(epochs_of(experiment, "hessian_free"), epochs_of(experiment, "backprop-adam")) << name;
  }
  EXPECT_EQ(epochs_of(read_experiment({"relatives"}), "admm"), 50);
  EXPECT_EQ(epochs_of(read_experiment({"relatives", 2}), "admm"), 2) << "--epochs is for every run";
}

}  // namespace
