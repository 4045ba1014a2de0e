#pragma once

#include <filesystem>
#include <string>

namespace proxprop::test {

/// What a finished run leaves that may not depend on how often it was interrupted.
struct RunResult {
  std::string weights;  ///< bytes of model.safetensors
  std::string state;    ///< tensors of the newest checkpoint: parameters, optimizer, generators
  std::string metrics;  ///< steps and epochs of metrics.jsonl, without times and memory
  std::string csv;      ///< metrics.csv, without times

  bool operator==(const RunResult&) const = default;
};

/// Reads it from a run folder; parts that are missing are empty.
RunResult read_result(const std::filesystem::path& run_folder);

/// Names of temporary files in the folder that nobody will clear away.
std::string left_overs(const std::filesystem::path& run_folder);

}  // namespace proxprop::test
