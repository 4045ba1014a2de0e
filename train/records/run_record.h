#pragma once

#include "train/records/metrics_reader.h"
#include "train/records/run_info.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::train {

/// What a run left in its folder.
struct RunRecord {
  std::filesystem::path folder;
  std::string label;            ///< distinct among the runs that were read together
  std::optional<RunInfo> info;  ///< empty where there is no run.json
  Metrics metrics;              ///< its `start` is there
};

/// Reads run folders, in the order given. A label that occurs twice gets the folder's name added. Throws RecordError
/// that names the folder where there is no run, or none that has begun.
std::vector<RunRecord> read_runs(const std::vector<std::filesystem::path>& folders);

}  // namespace proxprop::train
