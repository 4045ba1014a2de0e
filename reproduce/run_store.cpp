#include "reproduce/run_store.h"

#include "reproduce/run_identity.h"
#include "train/records/comparison.h"
#include "train/records/metrics_reader.h"
#include "train/records/record_error.h"
#include "train/records/run_folder.h"

#include <limits>
#include <system_error>
#include <utility>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;

StoredRun read_stored(const fs::path& folder) {
  StoredRun run;
  run.folder = folder;
  run.seconds_per_epoch = std::numeric_limits<double>::quiet_NaN();
  std::error_code ignored;
  if (!fs::exists(folder / "metrics.jsonl", ignored))
    return run;
  run.begun = true;
  const train::Metrics metrics = train::read_metrics(folder / "metrics.jsonl");
  if (!metrics.epochs.empty())
    run.epochs = metrics.epochs.back().epoch;
  run.seconds_per_epoch = train::median_seconds_per_epoch(metrics.epochs);
  if (metrics.end) {
    run.status = metrics.end->status;
    run.steps = metrics.end->steps;
  }
  return run;
}

}  // namespace

RunStore::RunStore(const fs::path& folder, const std::function<void(const std::string&)>& warn) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (!fs::exists(entry.path() / "run.json", ignored))
      continue;
    try {
      const std::string identity = run_identity(train::read_run_info(entry.path()).config);
      StoredRun run = read_stored(entry.path());
      const auto found = runs_.find(identity);
      if (found == runs_.end() || found->second.epochs < run.epochs)
        runs_.insert_or_assign(identity, std::move(run));
    } catch (const train::RecordError& problem) {
      warn("passed over: " + std::string(problem.what()));
    }
  }
}

const StoredRun* RunStore::find(const train::Config& config) const {
  const auto found = runs_.find(run_identity(config));
  return found == runs_.end() ? nullptr : &found->second;
}

fs::path run_folder(const fs::path& runs, const train::Config& config) {
  const train::MethodConfig& method = config.method;
  const bool numbered = method.name.ends_with("cg");
  return runs / (method.name + (numbered ? std::to_string(method.cg_iterations) : "") + "-" + run_identity(config));
}

}  // namespace proxprop::reproduce
