#include "app/commands/compare.h"

#include "app/comparison_output.h"
#include "app/exit_codes.h"
#include "app/out_folder.h"
#include "app/plan_text.h"
#include "app/run.h"
#include "app/signals.h"
#include "app/suggest.h"
#include "train/records/config_json.h"
#include "train/records/metrics_reader.h"
#include "train/records/plotly_path.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

namespace proxprop::app {
namespace {

namespace fs = std::filesystem;
using train::ExistingFolder;

constexpr const char* examples = R"(
Settings for one method: --set exact.optimizer.lr=0.5, or [compare.exact.optimizer] lr = 0.5 in a file; a file may also
say [compare] methods = ["backprop", "exact"]. Flags speak of all methods; they win over files and lose to --set for one.
A further name is a method once a setting says which: [compare.adam] with method.name = "backprop", optimizer.name = "adam".

Examples:
  proxprop compare --hidden 512,256 --epochs 5 --out runs/first
  proxprop compare --methods backprop,exact,cg3,cg10 --set backprop.optimizer.lr=0.1
  proxprop compare --config experiments/demo.toml --out runs/demo --force
  proxprop compare --resume --out runs/demo)";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');)
    words.push_back(word);
  return words;
}

std::vector<std::string> labels_of(const std::vector<ComparedMethod>& methods) {
  std::vector<std::string> labels;
  for (const ComparedMethod& method : methods)
    labels.push_back(method.label);
  return labels;
}

/// The status that a run of exactly this configuration has ended with, empty where it has not ended.
std::string ended_as(const fs::path& folder, const ComparedMethod& method) {
  std::error_code ignored;
  if (!fs::exists(folder / "metrics.jsonl", ignored))
    return {};
  const train::Config before = train::read_run_info(folder).config;
  if (train::config_to_json(before) != train::config_to_json(method.config))
    return {};
  const std::optional<train::RunEnd> end = train::read_metrics(folder / "metrics.jsonl").end;
  return end && (end->status == "finished" || end->status == "diverged") ? end->status : std::string();
}

/// The runs of the comparison that have something to report, in its order.
std::vector<fs::path> begun_runs(const fs::path& folder, const std::vector<ComparedMethod>& methods) {
  std::vector<fs::path> runs;
  for (const ComparedMethod& method : methods) {
    std::error_code ignored;
    if (fs::exists(folder / method.label / "metrics.jsonl", ignored))
      runs.push_back(folder / method.label);
  }
  return runs;
}

/// Removes the runs of the comparison that is in the folder, and those in the way of the new one. compare.json itself
/// stays until the new one takes its place, so that at no time runs of both can be found under one of them.
void remove_comparison(const fs::path& folder, const std::vector<ComparedMethod>& methods) {
  const std::vector<std::string> new_labels = labels_of(methods);
  std::set<std::string> labels(new_labels.begin(), new_labels.end());
  try {
    for (const std::string& label : labels_of(read_comparison(folder)))
      labels.insert(label);
  } catch (const train::RecordError&) {
    // It does not say any more what it was made of.
  }
  std::error_code ignored;
  std::erase_if(labels, [&](const std::string& label) { return !fs::exists(folder / label / "run.json", ignored); });
  for (const std::string& label : labels)
    check_out_folder(folder / label, ExistingFolder::replace, "run.json");
  std::list<std::unique_ptr<train::FolderLock>> locks;
  for (const std::string& label : labels)
    locks.emplace_back(new train::FolderLock(lock_out_folder(folder / label)));
  // Nothing is in the way of any of them: from here on they go.
  fs::remove(folder / "report.html", ignored);
  for (const std::string& label : labels) {
    const fs::path sub = folder / label;
    train::prepare_run_folder(sub, ExistingFolder::replace);
    if (!fs::is_symlink(sub, ignored))
      fs::remove(sub, ignored);  // unless it holds something else
  }
}

}  // namespace

CompareCommand::CompareCommand(CLI::App& root)
    : Command(root.add_subcommand("compare", "train several methods alike and compare them in one report")),
      config_flags_(*app) {
  app->footer(examples);
  app->add_option("--methods", methods_, "what to compare, in this order [backprop,exact,cg3]")->type_name("TEXT,..");
  app->add_option("--out", out_, "folder, with a sub-folder for each method [runs/compare-<model>-<data>-<UTC time>]")
      ->type_name("DIR");
  auto* resume = app->add_flag("--resume", resume_, "go on in --out: what is finished stays, the others go on");
  app->add_flag("--force", force_, "replace the comparison in --out")->excludes(resume);
  app->add_flag("--dry-run", dry_run_, "print the configuration of each method and the plans, and stop");
  app->add_flag("--json", json_, "print the result as one JSON object");
}

std::vector<ComparedMethod> CompareCommand::new_methods() const {
  const ConfigSources sources = config_flags_.sources();
  std::vector<std::string> labels = split(methods_);
  if (labels.empty())
    labels = sources.methods();
  if (labels.empty())
    labels = {"backprop", "exact", "cg3"};
  return plan_comparison(sources, labels);
}

std::vector<ComparedMethod> CompareCommand::resumed_methods() const {
  if (out_.empty())
    throw UsageError("--resume needs --out DIR, the folder of the comparison to go on with");
  check_out_folder(out_, ExistingFolder::resume, "compare.json");
  std::vector<ComparedMethod> methods = read_comparison(out_);
  const std::vector<std::string> labels = labels_of(methods);
  if (!methods_.empty() && split(methods_) != labels) {
    throw UsageError("--resume cannot change --methods, which are " + join(labels) + " in " + out_);
  }
  check_scopes(config_flags_.sources(), labels);
  for (ComparedMethod& method : methods) {
    const train::Config now = config_flags_.sources(method.config).resolve(method.label).config;
    check_resumable(method.config, now);
    method.config = now;
  }
  return methods;
}

int CompareCommand::run(const Session& session) {
  if (config_flags_.given("method.name"))
    throw UsageError("compare takes --methods, e.g. --methods backprop,exact,cg3");
  const std::vector<ComparedMethod> methods = resume_ ? resumed_methods() : new_methods();
  std::map<std::string, std::vector<train::LayerPlan>> plans;
  for (const ComparedMethod& method : methods)
    plans[method.label] = check_config(method.config);
  if (dry_run_) {
    train::Json list = train::Json::array();
    for (const auto& [label, config] : methods)
      list.push_back({{"label", label}, {"config", train::config_to_json(config)}, {"plan", plan_json(plans[label])}});
    if (json_) {
      std::cout << train::json_text({{"schema_version", 1}, {"methods", list}}, true) << "\n";
      return exit_ok;
    }
    std::cout << comparison_toml(methods);
    for (const ComparedMethod& method : methods) {
      std::cout << "# The planner's choice for each layer with " << method.label << ":\n"
                << as_comment(plan_table(plans[method.label]));
    }
    return exit_ok;
  }
  const train::Config& first = methods.front().config;
  const std::string model = first.model.layers.empty() ? first.model.name : "layers";
  return train_all(
      methods, out_.empty() ? new_run_folder("compare-" + model + "-" + first.data.name) : fs::path(out_), session);
}

ExistingFolder CompareCommand::existing() const {
  return resume_ ? ExistingFolder::resume : force_ ? ExistingFolder::replace : ExistingFolder::refuse;
}

ExistingFolder CompareCommand::existing_run(const fs::path& sub) const {
  // A resumed comparison may have died before it came to this method.
  std::error_code ignored;
  return resume_ && !fs::exists(sub / "run.json", ignored) ? ExistingFolder::refuse : existing();
}

int CompareCommand::train_all(
    const std::vector<ComparedMethod>& methods, const fs::path& folder, const Session& session) const {
  check_out_folder(folder, existing(), "compare.json");
  for (const ComparedMethod& method : methods) {
    const fs::path sub = folder / method.label;
    check_out_folder(sub, existing_run(sub), "run.json");
  }
  const std::atomic<bool>& stop = stop_on_signals();
  train::plotly_path();  // a report that cannot be written is told now, not after the training
  const train::Dataset dataset = load_data(methods.front().config, session);
  for (const ComparedMethod& method : methods)
    check_with_data(method.config, dataset);

  make_folder(folder);
  const train::FolderLock lock = lock_out_folder(folder);
  if (force_)
    remove_comparison(folder, methods);
  write_comparison(folder, methods);
  const auto report = [&] { print_and_write_comparison(begun_runs(folder, methods), folder / "report.html", json_); };
  int code = exit_ok;
  try {
    code = train_each(methods, folder, dataset, stop, session);
  } catch (...) {
    // What is finished has its report, whatever became of the others.
    if (!begun_runs(folder, methods).empty())
      with_report(exit_failure, session, report);
    throw;
  }
  if (code == exit_interrupted) {
    session.note("interrupted and saved; go on with: proxprop compare --resume --out " + folder.string());
  }
  return with_report(code, session, report);
}

int CompareCommand::train_each(
    const std::vector<ComparedMethod>& methods,
    const fs::path& folder,
    const train::Dataset& dataset,
    const std::atomic<bool>& stop,
    const Session& session) const {
  int code = exit_ok;
  for (const ComparedMethod& method : methods) {
    const fs::path sub = folder / method.label;
    const std::string ended = existing_run(sub) == ExistingFolder::resume ? ended_as(sub, method) : "";
    if (!ended.empty()) {
      session.note(method.label + ": " + ended + " already");
      if (ended == "diverged")
        code = exit_diverged;
      continue;
    }
    make_folder(sub);
    const train::FolderLock run_lock = lock_out_folder(sub);
    const train::RunEnd end = execute({method.label, method.config, sub, existing_run(sub)}, dataset, stop, session);
    if (exit_code(end) != exit_ok)
      code = exit_code(end);
    if (code == exit_interrupted)
      break;
  }
  return code;
}

}  // namespace proxprop::app
