#pragma once

#include "train/config.h"
#include "train/records/json.h"

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train {

/// A later start of the same run.
struct Resumption {
  std::string start_time;  ///< UTC, 2026-01-31T12:00:00Z
  std::vector<std::string> command_line;
};

/// What run.json holds: everything that is needed to understand a run and to repeat it. The name of the machine is not
/// in it.
struct RunInfo {
  std::string label;
  Config config;                ///< as resolved from file, flags and defaults
  std::string program_version;  ///< of proxprop
  std::string libtorch_version;
  std::string git_describe;  ///< state of the sources; empty: not known
  std::string device_name;   ///< e.g. "cpu" or the name of the GPU
  std::string cpu_name;
  std::string start_time;  ///< UTC, 2026-01-31T12:00:00Z
  std::vector<std::string> command_line;
  std::vector<Resumption> resumptions;
};

/// run.json as an object. "schema_version" is 1; "seed" repeats config.train.seed for those who look for it.
Json run_info_to_json(const RunInfo& info);

/// The inverse. Throws RecordError, also for a schema version that is newer than this program.
RunInfo run_info_from_json(const Json& json);

/// Name of the processor as the operating system gives it, "unknown" where it does not.
std::string cpu_name();

/// The present time in UTC, 2026-01-31T12:00:00Z.
std::string utc_now();

}  // namespace proxprop::train
