#pragma once

#include "reproduce/experiment.h"
#include "reproduce/run_store.h"
#include "reproduce/task.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace proxprop::reproduce {

/// What a task's process is to do.
struct TaskCommand {
  bool hessian = false;  ///< `proxprop hessian` in place of `train`
  bool resume = false;   ///< there is a run to go on with
  train::Config config;
  std::filesystem::path folder;
};

struct TaskPlanOptions {
  std::filesystem::path out;
  std::function<std::vector<std::string>(const TaskCommand&)> command;  ///< program and arguments
};

/// "<out>/runs": where the runs of all experiments lie.
std::filesystem::path runs_folder(const std::filesystem::path& out);

/// The folder of a Hessian's record, which is there once hessian.json is.
std::filesystem::path hessian_folder(const std::filesystem::path& out, const train::Config& config);

/// Adds every run that the experiment is made of and that is not among the tasks yet. A run that another experiment has
/// added stays that one's, with the larger number of epochs. All methods with the first seed come before those with the
/// second.
void add_tasks(
    std::vector<Task>& tasks,
    const Experiment& experiment,
    int64_t seeds,
    const RunStore& store,
    const TaskPlanOptions& options);

}  // namespace proxprop::reproduce
