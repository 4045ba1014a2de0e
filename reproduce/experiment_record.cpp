#include "reproduce/experiment_record.h"

#include "train/records/atomic_file.h"
#include "train/records/json.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;
using train::Json;

constexpr const char* file_name = "experiment.json";

}  // namespace

void write_experiment_record(const fs::path& out, const ExperimentRecord& record) {
  const fs::path folder = out / record.name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw train::RecordError("cannot make the folder " + folder.string() + ": " + error.message());
  const Json object = {{"schema_version", 1},   {"source", record.source},   {"epochs", record.epochs},
                       {"seeds", record.seeds}, {"dataset", record.dataset}, {"device", record.device},
                       {"set", record.sets}};
  train::write_file_atomically(folder / file_name, train::json_text(object, true) + "\n");
}

std::vector<ExperimentRecord> read_experiment_records(const fs::path& out) {
  std::vector<ExperimentRecord> records;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(out, error)) {
    const fs::path path = entry.path() / file_name;
    std::error_code ignored;
    if (!fs::exists(path, ignored))
      continue;
    const Json object = train::parse_json(train::read_file(path), path.string());
    try {
      records.push_back(
          {entry.path().filename().string(), object.at("source").get<std::string>(), object.at("epochs").get<int64_t>(),
           object.at("seeds").get<int64_t>(), object.at("dataset").get<std::string>(),
           object.at("device").get<std::string>(), object.at("set").get<std::vector<std::string>>()});
    } catch (const Json::exception& problem) {
      throw train::RecordReadError(path.string() + " is not what proxprop writes: " + problem.what());
    }
  }
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return records;
}

}  // namespace proxprop::reproduce
