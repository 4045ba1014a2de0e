#include "reproduce/task_plan.h"

#include "reproduce/run_identity.h"
#include "train/data/data_error.h"
#include "train/data/folder_lock.h"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

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

Task begin_task(
    const Experiment& experiment, const Cell& cell, const TaskCommand& command, const TaskPlanOptions& options) {
  Task task;
  task.experiment = experiment.name;
  task.method = cell.method;
  task.seconds_per_epoch = std::numeric_limits<double>::quiet_NaN();
  task.folder = command.folder;
  task.log = options.out / "logs" / (task.folder.filename().string() + ".log");
  task.command = options.command(command);
  return task;
}

Task training_task(
    const Experiment& experiment,
    const Cell& cell,
    int64_t seed,
    bool several_seeds,
    const RunStore& store,
    const TaskPlanOptions& options) {
  const train::Config config = with_seed(cell, seed);
  const StoredRun* stored = store.find(config);
  const fs::path folder = stored != nullptr ? stored->folder : run_folder(runs_folder(options.out), config);
  Task task = begin_task(experiment, cell, {false, stored != nullptr, config, folder}, options);
  task.variant = variant_text(cell, config, several_seeds);
  task.epochs = config.train.epochs;
  set_state(task, stored);
  return task;
}

Task hessian_task(const Experiment& experiment, const Cell& cell, const TaskPlanOptions& options) {
  const fs::path folder = hessian_folder(options.out, cell.config);
  Task task = begin_task(experiment, cell, {true, false, cell.config, folder}, options);
  task.variant = point_text(cell.point);
  task.epochs = 1;
  std::error_code ignored;
  if (fs::exists(folder / "hessian.json", ignored))
    task.state = TaskState::done;
  return task;
}

}  // namespace

fs::path runs_folder(const fs::path& out) {
  return out / "runs";
}

fs::path hessian_folder(const fs::path& out, const train::Config& config) {
  return runs_folder(out) / ("hessian-" + run_identity(config));
}

void add_tasks(
    std::vector<Task>& tasks,
    const Experiment& experiment,
    int64_t seeds,
    const RunStore& store,
    const TaskPlanOptions& options) {
  const bool hessian = experiment.shows == Shows::spectrum;
  for (int64_t seed = 0; seed < (hessian ? 1 : seeds); ++seed) {
    for (const Cell& cell : experiment.cells) {
      Task task = hessian ? hessian_task(experiment, cell, options)
                          : training_task(experiment, cell, seed, seeds > 1, store, options);
      const auto same =
          std::find_if(tasks.begin(), tasks.end(), [&](const Task& known) { return known.folder == task.folder; });
      if (same == tasks.end())
        tasks.push_back(std::move(task));
      else if (same->epochs < task.epochs)
        *same = std::move(task);
    }
  }
}

}  // namespace proxprop::reproduce
