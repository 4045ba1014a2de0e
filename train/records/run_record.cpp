#include "train/records/run_record.h"

#include "train/records/record_error.h"
#include "train/records/run_folder.h"

#include <map>
#include <utility>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// "runs/exact/" and "runs/exact" both give "exact".
std::string folder_name(const fs::path& folder) {
  const fs::path clean = folder.lexically_normal();
  return (clean.has_filename() ? clean.filename() : clean.parent_path().filename()).string();
}

RunRecord read_run(const fs::path& folder) {
  const fs::path metrics = folder / "metrics.jsonl";
  if (!fs::exists(metrics))
    throw RecordReadError(folder.string() + " is not the folder of a run: it has no metrics.jsonl");
  RunRecord run{folder, "", std::nullopt, read_metrics(metrics)};
  if (!run.metrics.start)
    throw RecordReadError(metrics.string() + " does not begin with the start of a run");
  if (fs::exists(folder / "run.json"))
    run.info = read_run_info(folder);
  run.label = run.metrics.start->label.empty() ? folder_name(folder) : run.metrics.start->label;
  return run;
}

}  // namespace

std::vector<RunRecord> read_runs(const std::vector<fs::path>& folders) {
  std::vector<RunRecord> runs;
  std::map<std::string, int> uses;
  for (const fs::path& folder : folders) {
    runs.push_back(read_run(folder));
    ++uses[runs.back().label];
  }
  std::map<std::string, int> given;
  for (RunRecord& run : runs) {
    if (uses[run.label] > 1)
      run.label += " (" + folder_name(run.folder) + ")";
    // Two folders of one name in different places.
    if (const int times = ++given[run.label]; times > 1)
      run.label += " #" + std::to_string(times);
  }
  return runs;
}

}  // namespace proxprop::train
