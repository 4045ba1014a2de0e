#include "app/reproduction.h"

#include "app/child_command.h"
#include "app/exit_codes.h"
#include "app/out_folder.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/system_info.h"
#include "app/task_table.h"
#include "reproduce/experiment_record.h"
#include "reproduce/experiment_result.h"
#include "reproduce/record_export.h"
#include "reproduce/task_plan.h"
#include "reproduce/task_runner.h"
#include "reproduce/timing.h"
#include "train/errors.h"
#include "train/records/run_info.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <unistd.h>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;
using reproduce::Cell;
using reproduce::Experiment;
using reproduce::Shows;
using reproduce::Task;
using reproduce::TaskState;

bool any(const std::vector<Task>& tasks, TaskState state) {
  return std::any_of(tasks.begin(), tasks.end(), [&](const Task& task) { return task.state == state; });
}

bool is_terminal(const Session& session) {
  return !session.quiet && ::isatty(STDERR_FILENO) != 0;
}

reproduce::RunStore store_of(const fs::path& out, const Session& session) {
  return {reproduce::runs_folder(out), [&](const std::string& line) { session.warning(line); }};
}

/// What can be wrong is found before anything is written: configurations, and each data set once.
void check_data(const std::vector<PlannedExperiment>& experiments) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const PlannedExperiment& planned : experiments) {
    for (const Cell& cell : planned.experiment.cells) {
      check_config(cell.config);
      const train::DataConfig& data = cell.config.data;
      if (seen.emplace(data.name, data.dir).second)
        train::load_dataset(data.name, data.dir, data.train_size, data.validation_size);
    }
  }
}

/// Processes side by side share the cores.
train::Config with_threads(train::Config config, int jobs) {
  if (jobs > 1 && config.train.threads == 0)
    config.train.threads = std::max<int64_t>(std::thread::hardware_concurrency() / static_cast<unsigned>(jobs), 1);
  return config;
}

void record_requests(const Reproduction& reproduction) {
  for (const PlannedExperiment& planned : reproduction.experiments) {
    const Experiment& experiment = planned.experiment;
    const ExperimentRequest& request = planned.request;
    reproduce::write_experiment_record(
        reproduction.out, {experiment.name, request.source, request.epochs.value_or(0), planned.seeds, request.dataset,
                           request.device, request.sets});
  }
}

/// The cells whose steps are measured: for each method its first one, or of a tuning study the chosen one.
std::vector<Cell> timed_cells(const PlannedExperiment& planned, const reproduce::RunStore& store, const fs::path& out) {
  std::vector<Cell> cells;
  if (planned.experiment.shows == Shows::tuning) {
    const reproduce::ExperimentResult result = read_result(planned.experiment, planned.seeds, store, out);
    for (const reproduce::CellResult* chosen : chosen_cells(result)) {
      if (chosen != nullptr)
        cells.push_back(chosen->cell);
    }
  }
  if (planned.experiment.shows == Shows::curves)
    cells = planned.experiment.cells;
  return cells;
}

}  // namespace

std::vector<PlannedExperiment> recorded_experiments(const fs::path& out) {
  std::vector<PlannedExperiment> experiments;
  for (const reproduce::ExperimentRecord& record : reproduce::read_experiment_records(out)) {
    const std::optional<int64_t> epochs = record.epochs > 0 ? std::optional(record.epochs) : std::nullopt;
    const ExperimentRequest request{record.source, epochs, record.dataset, record.device, "", record.sets};
    experiments.push_back({request, record.seeds, read_experiment(request)});
  }
  const std::vector<std::string> known = known_experiments();
  const auto rank = [&](const PlannedExperiment& planned) {
    return std::find(known.begin(), known.end(), planned.experiment.name) - known.begin();
  };
  std::stable_sort(
      experiments.begin(), experiments.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return experiments;
}

void check_names(const std::vector<PlannedExperiment>& experiments) {
  std::set<std::string> names;
  for (const PlannedExperiment& planned : experiments) {
    if (!names.insert(planned.experiment.name).second)
      throw UsageError("the experiment " + planned.experiment.name + " is given twice");
  }
}

std::vector<Task> plan_tasks(const Reproduction& reproduction, const Session& session) {
  const reproduce::RunStore store = store_of(reproduction.out, session);
  const reproduce::TaskPlanOptions options{reproduction.out, [&](reproduce::TaskCommand command) {
                                             command.config = with_threads(command.config, reproduction.jobs);
                                             return child_command(command);
                                           }};
  std::vector<Task> tasks;
  for (const PlannedExperiment& planned : reproduction.experiments) {
    reproduce::add_tasks(tasks, planned.experiment, planned.seeds, store, options);
  }
  return tasks;
}

int run_missing(const Reproduction& reproduction, std::vector<Task>& tasks, const Session& session) {
  if (any(tasks, TaskState::left))
    check_data(reproduction.experiments);
  make_folder(reproduce::runs_folder(reproduction.out));
  make_folder(reproduction.out / "logs");
  record_requests(reproduction);
  TaskDisplay display(std::cerr, is_terminal(session), reproduction.jobs);
  if (!session.quiet)
    display.show(tasks);
  reproduce::TaskRunnerOptions options;
  options.jobs = reproduction.jobs;
  options.stop = &stop_on_signals();
  options.environment = child_environment();
  options.state = task_state;
  options.on_change = [&](const std::vector<Task>& all, const Task* changed) {
    if (!session.quiet)
      display.update(all, changed);
  };
  reproduce::run_tasks(tasks, options);
  for (const Task& task : tasks) {
    if (task.state == TaskState::failed)
      session.error(task.name() + " failed; " + task.log.string() + " says why");
    if (task.state == TaskState::elsewhere)
      session.warning(task.name() + ": another program is writing to " + task.folder.string());
  }
  if (*options.stop) {
    session.note("stopped, all is saved; the same command goes on");
    return exit_interrupted;
  }
  return any(tasks, TaskState::failed) ? exit_failure : exit_ok;
}

void time_missing(const Reproduction& reproduction, bool again, const Session& session) {
  const reproduce::RunStore store = store_of(reproduction.out, session);
  for (const PlannedExperiment& planned : reproduction.experiments) {
    const fs::path path = reproduce::timing_path(reproduction.out, planned.experiment.name);
    const std::vector<Cell> cells = timed_cells(planned, store, reproduction.out);
    std::error_code ignored;
    if (cells.empty() || (!again && fs::exists(path, ignored)))
      continue;
    session.note("measuring a training step of each method of " + planned.experiment.name);
    const bool live = is_terminal(session);
    const train::Config& config = cells.front().config;
    const std::string device = config.train.device == "cpu" ? train::cpu_name() : device_name(config.train.device);
    reproduce::write_timing(
        path, reproduce::measure_steps(
                  cells, load_data(config, session), {device, 0, source_version()}, [&](const std::string& line) {
                    if (live)
                      std::cerr << "\r\033[K" + line << std::flush;
                  }));
    if (live)
      std::cerr << "\r\033[K";
  }
}

void export_records(const fs::path& out, const fs::path& target, const Session& session) {
  const reproduce::RunStore store = store_of(out, session);
  for (const PlannedExperiment& planned : recorded_experiments(out))
    reproduce::export_records(planned.experiment, planned.seeds, store, out, target);
}

}  // namespace proxprop::app
