#pragma once

#include "train/config.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace proxprop::reproduce {

/// A run folder that the store has found.
struct StoredRun {
  std::filesystem::path folder;
  bool begun = false;            ///< there is a metrics.jsonl
  std::string status;            ///< of RunEnd: finished | interrupted | diverged; empty: it goes on, or was killed
  int64_t epochs = 0;            ///< whole epochs that are recorded
  int64_t steps = 0;             ///< of the run's end, where it has one
  double seconds_per_epoch = 0;  ///< of training; NaN: not known

  /// Whether the run is all that is asked for, or will never be more.
  bool has(int64_t wanted_epochs) const { return status == "diverged" || epochs >= wanted_epochs; }
};

/// Where a new run with these settings belongs: "<runs>/cg3-0123456789ab".
std::filesystem::path run_folder(const std::filesystem::path& runs, const train::Config& config);

/// The runs of a folder, found by what determines them (run_identity) and not by their folders' names: a run folder of
/// `proxprop train` with the same settings, moved there, is taken over.
class RunStore {
 public:
  /// Looks into every sub-folder of `folder`, which need not exist, that has a run.json. What cannot be read is passed
  /// over, and told through `warn`.
  RunStore(const std::filesystem::path& folder, const std::function<void(const std::string&)>& warn);

  /// Of several runs with these settings the one with the most epochs; nullptr where there is none.
  const StoredRun* find(const train::Config& config) const;

 private:
  std::map<std::string, StoredRun> runs_;  // by identity
};

}  // namespace proxprop::reproduce
