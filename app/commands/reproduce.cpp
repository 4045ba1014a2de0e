#include "app/commands/reproduce.h"

#include "app/child_command.h"
#include "app/exit_codes.h"
#include "app/out_folder.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/suggest.h"
#include "app/task_table.h"
#include "reproduce/task_plan.h"
#include "reproduce/task_runner.h"

#include <algorithm>
#include <iostream>
#include <set>
#include <thread>

#include <unistd.h>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;
using reproduce::Experiment;
using reproduce::Task;
using reproduce::TaskState;

constexpr const char* examples = R"(
Experiments: fig2, table1, fig3, hessian (the paper's; all: these four), released (the arithmetic of the authors' released
code), tuning, or a file FILE.toml like those in experiments/.

A run lies in OUT/runs and is known by the settings that determine it, whatever its folder is called: run folders of
`proxprop train` that are moved there are taken over, and a run with too few epochs goes on. Stop with Ctrl-C at any time;
the same command goes on. A run that diverges is a result.

Examples:
  proxprop reproduce fig3 --data DIR --out runs/paper --epochs 10
  proxprop reproduce all --data DIR --seeds 3 --device cuda --jobs 4
  proxprop reproduce fig2 --dataset mnist-5k --epochs 5)";

/// Data sets that the experiments need, each looked for once, before anything is written.
void check_data(const std::vector<Experiment>& experiments) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Experiment& experiment : experiments) {
    for (const reproduce::Cell& cell : experiment.cells) {
      app::check_config(cell.config);
      const train::DataConfig& data = cell.config.data;
      if (seen.emplace(data.name, data.dir).second)
        train::load_dataset(data.name, data.dir, data.train_size, data.validation_size);
    }
  }
}

/// Without a number of threads of their own, processes side by side share the cores.
void share_cores(std::vector<Experiment>& experiments, int jobs) {
  if (jobs == 1)
    return;
  const int64_t each = std::max<int64_t>(std::thread::hardware_concurrency() / static_cast<unsigned>(jobs), 1);
  for (Experiment& experiment : experiments) {
    for (reproduce::Cell& cell : experiment.cells) {
      if (cell.config.train.threads == 0)
        cell.config.train.threads = each;
    }
  }
}

bool any(const std::vector<Task>& tasks, TaskState state) {
  return std::any_of(tasks.begin(), tasks.end(), [&](const Task& task) { return task.state == state; });
}

}  // namespace

ReproduceCommand::ReproduceCommand(CLI::App& root)
    : Command(root.add_subcommand("reproduce", "the paper's figures and tables: runs what is missing, writes the report")) {
  app->footer(examples);
  app->add_option("EXPERIMENT", names_, "fig2, table1, fig3, hessian, all, ...")->required()->type_name(" ");
  app->add_option("--data,--data-dir", data_dir_, "folder with the data sets [$PROXPROP_DATA]")->type_name("DIR");
  app->add_option("--out", out_, "folder for runs, records and report")->type_name("DIR")->capture_default_str();
  app->add_option("--epochs", epochs_, "epochs of every run [the experiment's own]")->check(CLI::Range(1, 1'000'000));
  app->add_option("--seeds", seeds_, "runs of everything, each with another seed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--device", device_, "cpu, cuda or cuda:N [the experiment's own]");
  app->add_option("--jobs", jobs_, "runs at once")->check(CLI::Range(1, 1024))->capture_default_str();
  app->add_option("--dataset", dataset_, "the same on another data set, e.g. cifar100 or mnist-5k")->type_name("NAME");
  app->add_option("--set", sets_, "change one key of the configuration, as for train; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app->add_flag("--dry-run", dry_run_, "print what is done and what is left, and stop");
}

std::vector<ExperimentRequest> ReproduceCommand::requests() const {
  std::vector<std::string> names;
  for (const std::string& name : names_) {
    if (name == "all")
      names.insert(names.end(), {"fig2", "table1", "fig3", "hessian"});
    else
      names.push_back(name);
  }
  std::vector<ExperimentRequest> requests;
  for (const std::string& name : names)
    requests.push_back({name, epochs_, dataset_, device_, data_dir_, sets_});
  return requests;
}

int ReproduceCommand::run_missing(std::vector<Task>& tasks, const Session& session) const {
  make_folder(reproduce::runs_folder(out_));
  make_folder(fs::path(out_) / "logs");
  const bool terminal = !session.quiet && ::isatty(STDERR_FILENO) != 0;
  TaskDisplay display(std::cerr, terminal, jobs_);
  if (!session.quiet)
    display.show(tasks);
  reproduce::TaskRunnerOptions options;
  options.jobs = jobs_;
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
  if (*options.stop && any(tasks, TaskState::interrupted)) {
    session.note("interrupted and saved; the same command goes on");
    return exit_interrupted;
  }
  return any(tasks, TaskState::failed) ? exit_failure : exit_ok;
}

int ReproduceCommand::run(const Session& session) {
  std::vector<Experiment> experiments;
  for (const ExperimentRequest& request : requests())
    experiments.push_back(read_experiment(request));
  share_cores(experiments, jobs_);
  const auto warn = [&](const std::string& line) { session.warning(line); };
  const reproduce::RunStore store(reproduce::runs_folder(out_), warn);
  std::vector<Task> tasks = reproduce::plan_tasks(experiments, store, {out_, seeds_, child_command});
  if (dry_run_) {
    std::cout << task_table(tasks, jobs_);
    return exit_ok;
  }
  if (any(tasks, TaskState::left))
    check_data(experiments);
  return run_missing(tasks, session);
}

}  // namespace proxprop::app
