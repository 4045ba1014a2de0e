#include "app/commands/reproduce.h"

#include "app/exit_codes.h"
#include "app/suggest.h"
#include "app/task_table.h"
#include "train/records/plotly_path.h"

#include <filesystem>
#include <iostream>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* examples = R"(
Experiments: fig2, table1, fig3, hessian (the paper's; all: these four), released (the arithmetic of the authors' released
code beside Fig. 2), tuning, relatives, relatives-mlp, relatives-convnet (methods by other authors beside the proximal step),
or a file FILE.toml like those in experiments/.

A run lies in OUT/runs and is known by the settings that determine it, whatever its folder is called: run folders of
`proxprop train` that are moved there are taken over, and one with too few epochs goes on. Each run is a process of its own.
Stop with Ctrl-C at any time; the same command goes on. A run that diverges is a result.

Seconds are measured by themselves, at the end or with --time: a step of each method in turn, in one process. OUT then has
results.json, report.html and results.md over all experiments that were made there.

Examples:
  proxprop reproduce fig3 --data DIR --out runs/paper --epochs 10
  proxprop reproduce all --data DIR --seeds 3 --device cuda --jobs 4
  proxprop reproduce fig2 --dataset mnist-5k --epochs 5
  proxprop reproduce --report-only --out results --page docs/results.md)";

}  // namespace

ReproduceCommand::ReproduceCommand(CLI::App& root)
    : Command(
          root.add_subcommand("reproduce", "the paper's figures and tables: run what is missing, write the report")) {
  app->footer(examples);
  app->add_option("EXPERIMENT", names_, join(known_experiments()) + "; all: the first four; or FILE.toml")
      ->type_name(" ");
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
  auto* time = app->add_flag("--time", time_, "measure the seconds again");
  app->add_flag("--no-time", no_time_, "do not measure seconds")->excludes(time);
  app->add_flag("--report-only", report_only_, "run and measure nothing: report and page from the records in OUT");
  app->add_option("--page", page_, "where the Markdown page goes [OUT/results.md]")->type_name("FILE");
  app->add_option("--export", export_, "copy the small records into this folder, for a repository")->type_name("DIR");
  app->add_flag("--dry-run", dry_run_, "print what is done and what is left, and stop");
}

std::vector<PlannedExperiment> ReproduceCommand::asked() const {
  std::vector<std::string> names;
  for (const std::string& name : names_) {
    if (name == "all")
      names.insert(names.end(), {"fig2", "table1", "fig3", "hessian"});
    else
      names.push_back(name);
  }
  std::vector<PlannedExperiment> experiments;
  for (const std::string& name : names) {
    const ExperimentRequest request{name, epochs_, dataset_, device_, data_dir_, sets_};
    experiments.push_back({request, seeds_, read_experiment(request)});
  }
  check_names(experiments);
  return experiments;
}

int ReproduceCommand::make(const Session& session) const {
  const Reproduction reproduction{out_, jobs_, asked()};
  std::vector<reproduce::Task> tasks = plan_tasks(reproduction, session);
  if (dry_run_) {
    std::cout << task_table(tasks, jobs_);
    return exit_ok;
  }
  const int code = run_missing(reproduction, tasks, session);
  if (code == exit_ok && !no_time_)
    time_missing(reproduction, time_, session);
  return code;
}

int ReproduceCommand::run(const Session& session) {
  if (report_only_ != names_.empty())
    throw UsageError(
        report_only_ ? std::string("--report-only takes no experiment: the report is over all that were made in --out")
                     : "which experiment? " + join(known_experiments()) + ", all or FILE.toml");
  if (!export_.empty() && fs::weakly_canonical(export_) == fs::weakly_canonical(out_))
    throw UsageError("--export needs another folder than --out: it would take the batches out of the runs' records");
  train::plotly_path();  // a report that cannot be written is told now
  const int code = report_only_ ? exit_ok : make(session);
  if (dry_run_)
    return code;
  write_results(out_, page_.empty() ? fs::path(out_) / "results.md" : fs::path(page_), session);
  if (!export_.empty())
    export_records(out_, export_, session);
  return code;
}

}  // namespace proxprop::app
