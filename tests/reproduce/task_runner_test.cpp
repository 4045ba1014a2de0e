#include "reproduce/task_runner.h"

#include "tests/train/temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

class TaskRunner : public testing::Test {
 protected:
  Task task(const std::string& name, const std::string& script) {
    Task result;
    result.method = name;
    result.epochs = 1;
    result.folder = folder / name;
    result.log = folder / (name + ".log");
    result.command = {"/bin/sh", "-c", script};
    return result;
  }

  void run(std::vector<Task>& tasks, int jobs = 1) {
    TaskRunnerOptions options;
    options.jobs = jobs;
    options.stop = &stop;
    options.environment = {"PATH=/usr/bin:/bin", "GREETING=hello"};
    options.state = [](int code) {
      return code == 0 ? TaskState::done : code == 130 ? TaskState::interrupted : TaskState::failed;
    };
    options.on_change = [&](const std::vector<Task>& all, const Task* changed) {
      most = std::max<int64_t>(
          most, std::count_if(all.begin(), all.end(), [](const Task& t) { return t.state == TaskState::running; }));
      if (changed != nullptr)
        changes.push_back(changed->method);
      if (on_change)
        on_change();
    };
    run_tasks(tasks, options);
  }

  std::string log(const std::string& name) const {
    std::ifstream stream(folder / (name + ".log"));
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  train::TemporaryFolder folder;
  std::atomic<bool> stop = false;
  std::vector<std::string> changes;
  std::function<void()> on_change;
  int64_t most = 0;
};

TEST_F(TaskRunner, AFailureTakesNoOtherTaskWithIt) {
  std::vector<Task> tasks = {
      task("a", "echo $GREETING; exit 0"), task("b", "echo no >&2; exit 3"), task("c", "kill -9 $$"),
      task("d", "exit 0")};
  run(tasks);
  EXPECT_EQ(tasks[0].state, TaskState::done);
  EXPECT_EQ(tasks[1].state, TaskState::failed);
  EXPECT_EQ(tasks[2].state, TaskState::failed);
  EXPECT_EQ(tasks[3].state, TaskState::done);
  EXPECT_EQ(log("a"), "hello\n");
  EXPECT_EQ(log("b"), "no\n");
  EXPECT_EQ(changes, (std::vector<std::string>{"a", "a", "b", "b", "c", "c", "d", "d"}));
  EXPECT_EQ(most, 1);
}

TEST_F(TaskRunner, AProcessWithoutEpochsIsOnePieceOfWork) {
  std::vector<Task> tasks = {task("a", "exit 0"), task("b", "exit 1")};
  run(tasks);
  EXPECT_EQ(tasks[0].epochs_done, 1);
  EXPECT_GT(tasks[0].seconds_per_epoch, 0);
  EXPECT_EQ(tasks[1].epochs_done, 0);
}

TEST_F(TaskRunner, RunsSoManyProcessesAtOnce) {
  // Each waits for the other: one after the other they would never end.
  const auto waiting = [&](const std::string& mine, const std::string& theirs) {
    return "touch " + (folder / mine).string() + "; while [ ! -e " + (folder / theirs).string() +
           " ]; do sleep 0.02; done";
  };
  std::vector<Task> tasks = {task("a", waiting("one", "two")), task("b", waiting("two", "one")), task("c", "exit 0")};
  run(tasks, 2);
  for (const Task& done : tasks)
    EXPECT_EQ(done.state, TaskState::done);
  EXPECT_EQ(most, 2);
}

TEST_F(TaskRunner, AStopReachesTheRunningProcessOnceAndNothingNewBegins) {
  // A second SIGTERM would end the shell before it has exited with 130.
  std::vector<Task> tasks = {
      task(
          "a", "trap 'trap - TERM; sleep 0.3; exit 130' TERM; touch " + (folder / "ready").string() +
                   "; while :; do sleep 0.02; done"),
      task("b", "exit 0")};
  on_change = [&] {
    if (std::filesystem::exists(folder / "ready"))
      stop = true;
  };
  run(tasks);
  EXPECT_EQ(tasks[0].state, TaskState::interrupted);
  EXPECT_EQ(tasks[1].state, TaskState::left);
}

TEST_F(TaskRunner, WhatIsDoneOrHeldElsewhereIsLeftAlone) {
  std::vector<Task> tasks = {task("a", "exit 3"), task("b", "exit 3")};
  tasks[0].state = TaskState::done;
  tasks[1].state = TaskState::elsewhere;
  run(tasks);
  EXPECT_TRUE(changes.empty());
}

TEST(RecordedEpochs, AreThoseOfTheLastWholeLine) {
  const train::TemporaryFolder folder;
  EXPECT_EQ(recorded_epochs(folder.path()), 0);
  std::ofstream(folder / "metrics.csv") << "epoch,step\n0,0\n1,10\n2,20\n3,3";
  EXPECT_EQ(recorded_epochs(folder.path()), 2);
}

}  // namespace
