#include "reproduce/task_plan.h"

#include "reproduce/run_identity.h"
#include "train/data/data_error.h"
#include "train/data/folder_lock.h"

#include <algorithm>
#include <limits>
#include <map>
#include <system_error>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;

bool is_held(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored))
    return false;
  try {
    const train::FolderLock lock(folder, "");
    return false;
  } catch (const train::DataError&) {
    return true;
  }
}

std::string variant_text(const Cell& cell, const train::Config& config, bool several_seeds) {
  std::string text = point_text(cell.point);
  if (several_seeds)
    text += (text.empty() ? "seed " : ", seed ") + std::to_string(config.train.seed);
  return text;
}

void set_state(Task& task, const StoredRun* stored) {
  if (stored != nullptr) {
    task.epochs_done = stored->epochs;
    task.seconds_per_epoch = stored->seconds_per_epoch;
  }
  if (stored != nullptr && stored->has(task.epochs)) {
    task.state = stored->status == "diverged" ? TaskState::diverged : TaskState::done;
  } else if (is_held(task.folder)) {
    task.state = TaskState::elsewhere;
  }
}

}  // namespace

fs::path runs_folder(const fs::path& out) {
  return out / "runs";
}

fs::path hessian_folder(const fs::path& out, const train::Config& config) {
  return runs_folder(out) / ("hessian-" + run_identity(config));
}

std::vector<Task> plan_tasks(
    const std::vector<Experiment>& experiments, const RunStore& store, const TaskPlanOptions& options) {
  std::vector<Task> tasks;
  std::map<std::string, size_t> planned;  // by identity
  const auto add = [&](const Experiment& experiment, const Cell& cell, int64_t seed) {
    train::Config config = with_seed(cell, seed);
    const bool hessian = experiment.shows == Shows::spectrum;
    const std::string identity = (hessian ? "hessian " : "") + run_identity(config);
    const auto [found, is_new] = planned.emplace(identity, tasks.size());
    if (!is_new && (hessian || tasks[found->second].epochs >= config.train.epochs))
      return;
    const StoredRun* stored = hessian ? nullptr : store.find(config);
    Task task;
    task.experiment = experiment.name;
    task.method = cell.method;
    task.variant = variant_text(cell, config, options.seeds > 1 && !hessian);
    task.epochs = hessian ? 1 : config.train.epochs;
    task.seconds_per_epoch = std::numeric_limits<double>::quiet_NaN();
    task.folder = hessian ? hessian_folder(options.out, config)
                  : stored != nullptr ? stored->folder
                                      : store.place(cell.method, config);
    task.log = options.out / "logs" / (task.folder.filename().string() + ".log");
    task.command = options.command({hessian, stored != nullptr, std::move(config), task.folder});
    set_state(task, stored);
    std::error_code ignored;
    if (hessian && fs::exists(task.folder / "hessian.json", ignored))
      task.state = TaskState::done;
    if (is_new)
      tasks.push_back(std::move(task));
    else
      tasks[found->second] = std::move(task);
  };
  for (const Experiment& experiment : experiments) {
    const int64_t seeds = experiment.shows == Shows::spectrum ? 1 : options.seeds;
    for (int64_t seed = 0; seed < seeds; ++seed) {
      for (const Cell& cell : experiment.cells)
        add(experiment, cell, seed);
    }
  }
  return tasks;
}

}  // namespace proxprop::reproduce
