#include "app/task_table.h"

#include <gtest/gtest.h>

#include <sstream>

using namespace proxprop::app;
using proxprop::reproduce::Task;
using proxprop::reproduce::TaskState;

namespace {

Task task(const std::string& method, TaskState state, int64_t done) {
  Task result;
  result.experiment = "fig3";
  result.method = method;
  result.variant = "seed 0";
  result.epochs = 10;
  result.state = state;
  result.epochs_done = done;
  result.seconds_per_epoch = 6;
  return result;
}

TEST(TaskTable, CountsByMethodAndSaysHowFarTheRunningOnesAre) {
  const std::string table = task_table(
      {task("exact", TaskState::done, 10), task("exact", TaskState::running, 4), task("cg3", TaskState::left, 0),
       task("cg3", TaskState::diverged, 2)},
      1);
  EXPECT_EQ(
      table,
      "experiment  method  done  running  left  time left\n"
      "----------  ------  ----  -------  ----  ---------  ------------------\n"
      "fig3        exact      1        1     0     36.0 s  seed 0: epoch 4/10\n"
      "fig3        cg3        1        0     1       1:00  seed 0: diverged\n"
      "all                    2        1     1       1:36\n");
}

TEST(TaskTable, InALogALineIsPrintedForEachChangeOnly) {
  std::ostringstream out;
  TaskDisplay display(out, false, 1);
  const std::vector<Task> tasks = {task("exact", TaskState::running, 4)};
  display.update(tasks, nullptr);
  EXPECT_EQ(out.str(), "");
  display.update(tasks, tasks.data());
  EXPECT_EQ(out.str(), "proxprop: begun: fig3 exact seed 0; time left 36.0 s\n");
}

TEST(TaskTable, OnATerminalTheTableIsRedrawnInPlace) {
  std::ostringstream out;
  TaskDisplay display(out, true, 1);
  const std::vector<Task> tasks = {task("exact", TaskState::running, 4)};
  display.show(tasks);
  display.update(tasks, nullptr);
  EXPECT_NE(out.str().find("\033[4A\033[J"), std::string::npos);
}

}  // namespace
