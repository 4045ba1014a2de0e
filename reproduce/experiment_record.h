#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::reproduce {

/// What was asked for, so that report and page can be made again from the records alone.
struct ExperimentRecord {
  std::string name;    ///< of the experiment with what is changed in it; also its folder's
  std::string source;  ///< "fig2", or a file
  int64_t epochs = 0;  ///< of every run; 0: those of the file, which may be different ones for each method
  int64_t seeds = 1;
  std::string dataset = {};  ///< empty: the experiment's own; so are the next two
  std::string device = {};
  std::vector<std::string> sets = {};  ///< "key=value"
};

/// Writes "<out>/<name>/experiment.json". Throws train::RecordError.
void write_experiment_record(const std::filesystem::path& out, const ExperimentRecord& record);

/// The records in the sub-folders of `out`, by name. Throws train::RecordError.
std::vector<ExperimentRecord> read_experiment_records(const std::filesystem::path& out);

}  // namespace proxprop::reproduce
