#include "reproduce/task_plan.h"

#include "reproduce/run_identity.h"
#include "scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

Task task(const std::string& method, TaskState state, int64_t done, double rate) {
  Task result;
  result.experiment = "fig";
  result.method = method;
  result.epochs = 10;
  result.state = state;
  result.epochs_done = done;
  result.seconds_per_epoch = rate;
  return result;
}
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

TEST(SecondsLeft, GoByTheMeasuredEpochsOfTheSameMethodElseOfAll) {
  const std::vector<Task> tasks = {
      task("exact", TaskState::done, 10, 2), task("exact", TaskState::left, 0, unknown),
      task("backprop", TaskState::running, 4, 1), task("cg3", TaskState::left, 0, unknown)};
  EXPECT_DOUBLE_EQ(seconds_left(tasks, "fig", "exact"), 20);
  EXPECT_DOUBLE_EQ(seconds_left(tasks, "fig", "backprop"), 6);
  EXPECT_DOUBLE_EQ(seconds_left(tasks, "fig", "cg3"), 15);
  EXPECT_DOUBLE_EQ(seconds_left(tasks, 1), 41);
  EXPECT_DOUBLE_EQ(seconds_left(tasks, 2), 20.5);
  EXPECT_DOUBLE_EQ(seconds_left(tasks, 40), 20) << "no less than the longest";
}

TEST(SecondsLeft, AreNotKnownBeforeAnythingIsMeasured) {
  EXPECT_TRUE(std::isnan(seconds_left({task("exact", TaskState::left, 0, unknown)}, 1)));
}

Experiment experiment(const std::string& name, const std::vector<train::Config>& configs) {
  Experiment result;
  result.name = name;
  for (const train::Config& config : configs)
    result.cells.push_back(scene::cell(config));
  return result;
}

std::vector<Task> plan(
    const train::TemporaryFolder& out, const std::vector<Experiment>& experiments, int64_t seeds = 1) {
  const RunStore store(runs_folder(out.path()), scene::no_warning);
  std::vector<Task> tasks;
  for (const Experiment& e : experiments)
    add_tasks(tasks, e, seeds, store, {out.path(), [](const TaskCommand& command) {
                                         return std::vector<std::string>{command.resume ? "resume" : "new"};
                                       }});
  return tasks;
}

TEST(TaskPlan, ARunWithAllEpochsIsDoneAndAShorterOneGoesOn) {
  const train::TemporaryFolder out;
  scene::write_run(out / "runs" / "adopted", {scene::config("exact"), 3});
  EXPECT_EQ(plan(out, {experiment("a", {scene::config("exact", 0, 3)})}).at(0).state, TaskState::done);
  EXPECT_EQ(plan(out, {experiment("a", {scene::config("exact", 0, 2)})}).at(0).state, TaskState::done);
  const Task longer = plan(out, {experiment("a", {scene::config("exact", 0, 5)})}).at(0);
  EXPECT_EQ(longer.state, TaskState::left);
  EXPECT_EQ(longer.command, std::vector<std::string>{"resume"});
  EXPECT_EQ(longer.folder, out / "runs" / "adopted");
  const Task other = plan(out, {experiment("a", {scene::config("exact", 1, 5)})}).at(0);
  EXPECT_EQ(other.command, std::vector<std::string>{"new"});
  EXPECT_EQ(other.folder, out / "runs" / ("exact-" + run_identity(scene::config("exact", 1))));
}

TEST(TaskPlan, ARunThatTwoExperimentsShareIsDoneOnceWithTheMoreEpochs) {
  const train::TemporaryFolder out;
  const auto tasks = plan(
      out, {experiment("a", {scene::config("exact", 0, 3), scene::config("backprop", 0, 3)}),
            experiment("b", {scene::config("exact", 0, 7)})});
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].epochs, 7);
  EXPECT_EQ(tasks[1].epochs, 3);
}

TEST(TaskPlan, AllMethodsHaveTheirFirstSeedBeforeAnyHasItsSecond) {
  const train::TemporaryFolder out;
  const auto tasks = plan(out, {experiment("a", {scene::config("exact"), scene::config("backprop")})}, 2);
  ASSERT_EQ(tasks.size(), 4U);
  EXPECT_EQ(tasks[1].name(), "a backprop seed 0");
  EXPECT_EQ(tasks[2].name(), "a exact seed 1");
}

}  // namespace
