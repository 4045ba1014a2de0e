#include "app/commands/train.h"

#include "app/exit_codes.h"
#include "app/method_label.h"
#include "app/out_folder.h"
#include "app/plan_text.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/suggest.h"
#include "train/records/config_json.h"
#include "train/records/event_json.h"
#include "train/records/plotly_path.h"
#include "train/records/report.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace proxprop::app {
namespace {

constexpr const char* examples = R"(
Of several settings of one key, a flag wins over --set, that over the environment (PROXPROP_TRAIN_EPOCHS=3), that over
--config, and that over the default, which stands in [brackets]. `--dry-run` prints the outcome as TOML for --config.

Examples:
  proxprop train --hidden 512,256 --epochs 5
  proxprop train --method cg3 --data cifar10 --data-dir downloads --out runs/cifar10-cg3
  proxprop train --resume --out runs/cifar10-cg3 --epochs 50
  proxprop train --config experiment.toml --set optimizer.lr=0.5 --seed 1)";

void print_plan(const train::Config& config, const std::vector<train::LayerPlan>& plan, bool json) {
  if (json) {
    train::Json object;
    object["schema_version"] = 1;
    object["config"] = train::config_to_json(config);
    object["plan"] = plan_json(plan);
    std::cout << train::json_text(object, true) << "\n";
    return;
  }
  std::cout << config_toml(config);
  std::cout << "\n# The planner's choice for each layer:\n" << as_comment(plan_table(plan));
}

std::string describe_traffic(const train::RunEnd& end) {
  char text[160];
  std::snprintf(
      text, sizeof text, "%lld ranks: %.3g MB sent per step and rank, %.2f times what the sum of the gradients takes",
      static_cast<long long>(end.ranks), end.bytes_per_step / 1e6, end.bytes_per_step / end.gradient_bytes_per_step);
  return text;
}

void print_end(const Run& run, const train::RunEnd& end, bool json, bool quiet) {
  if (!json) {
    // On a terminal the progress has just said the same.
    const bool said = !quiet && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
    if (!said)
      std::cout << describe(run.label, end) << "\n";
    if (end.ranks > 1)
      std::cout << describe_traffic(end) << "\n";
    std::cout << "run folder: " << run.folder.string() << "\n";
    return;
  }
  train::Json object = train::event_to_json(end);
  object.erase("event");
  object["schema_version"] = 1;
  object["label"] = run.label;
  object["folder"] = run.folder.string();
  std::cout << train::json_text(object, true) << "\n";
}

}  // namespace

TrainCommand::TrainCommand(CLI::App& root)
    : Command(root.add_subcommand("train", "train one network into a run folder")), config_flags_(*app) {
  app->footer(examples);
  app->add_option("--out", out_, "run folder [runs/<model>-<method>-<data>-<UTC time>]")->type_name("DIR");
  auto* resume = app->add_flag("--resume", resume_, "go on with the run in --out, with the configuration that it has");
  app->add_flag("--force", force_, "replace the run in --out")->excludes(resume);
  app->add_flag("--dry-run", dry_run_, "print the resolved configuration and the plan, and stop");
  app->add_flag("--json", json_, "print the result as one JSON object");
}

train::Config TrainCommand::resolve() const {
  const bool resuming = resume_ && !dry_run_;
  if (resume_ && out_.empty())
    throw UsageError("--resume needs --out DIR, the folder of the run to go on with");
  if (resume_)
    check_out_folder(out_, train::ExistingFolder::resume, "run.json");
  const auto before = resume_ ? std::optional(train::read_run_info(out_).config) : std::nullopt;
  const ConfigSources sources = config_flags_.sources(before);
  refuse_scoped_sets(sources);
  const train::Config config = sources.resolve().config;
  if (resuming)
    check_resumable(*before, config);
  return config;
}

int TrainCommand::run(const Session& session) {
  Run run;
  run.existing = resume_  ? train::ExistingFolder::resume
                 : force_ ? train::ExistingFolder::replace
                          : train::ExistingFolder::refuse;
  run.config = resolve();
  run.label = method_label(run.config.method);
  const std::vector<train::LayerPlan> plan = check_config(run.config);
  if (dry_run_) {
    print_plan(run.config, plan, json_);
    return exit_ok;
  }
  const std::string model = run.config.model.layers.empty() ? run.config.model.name : "layers";
  run.folder =
      out_.empty() ? new_run_folder(model + "-" + run.label + "-" + run.config.data.name) : std::filesystem::path(out_);
  if (session.writes())
    check_out_folder(run.folder, run.existing, "run.json");
  const std::atomic<bool>& stop = stop_on_signals();
  train::plotly_path();  // a report that cannot be written is told now, not after the training
  const train::Dataset dataset = load_data(run.config, session);
  check_with_data(run.config, dataset);

  if (!session.writes()) {
    const train::RunEnd end = execute(run, dataset, stop, session);
    return exit_code(end);
  }
  make_folder(run.folder);
  const train::FolderLock lock = lock_out_folder(run.folder);
  session.detail("writing to " + run.folder.string());
  const train::RunEnd end = execute(run, dataset, stop, session);
  print_end(run, end, json_, session.quiet);
  if (end.status == "interrupted") {
    session.note("interrupted and saved; go on with: proxprop train --resume --out " + run.folder.string());
  }
  return with_report(exit_code(end), session, [&] { train::write_report({run.folder}, run.folder / "report.html"); });
}

}  // namespace proxprop::app
