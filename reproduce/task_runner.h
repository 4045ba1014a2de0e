#pragma once

#include "reproduce/task.h"

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace proxprop::reproduce {

struct TaskRunnerOptions {
  int jobs = 1;  ///< processes at once
  const std::atomic<bool>* stop = nullptr;
  std::vector<std::string> environment;           ///< of the processes
  std::function<TaskState(int exit_code)> state;  ///< what the exit code of a task's process means
  /// Called when the state of a task has changed, with the task; and about once a second with nullptr.
  std::function<void(const std::vector<Task>& tasks, const Task* changed)> on_change;
};

/// Runs what is left, each in a process of its own, in the order given, and keeps the tasks' states up to date. A stop
/// is passed on to the processes, which save and end; returns once they have. A process that fails takes no other with
/// it.
void run_tasks(std::vector<Task>& tasks, const TaskRunnerOptions& options);

}  // namespace proxprop::reproduce
