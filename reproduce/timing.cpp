#include "reproduce/timing.h"

#include "train/records/atomic_file.h"
#include "train/records/json.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>

namespace proxprop::reproduce {

namespace fs = std::filesystem;
using train::Json;

const StepTime* Timing::find(const std::string& method) const {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const StepTime& s) { return s.method == method; });
  return found == steps.end() ? nullptr : &*found;
}

fs::path timing_path(const fs::path& out, const std::string& experiment) {
  return out / experiment / "timing.json";
}

void write_timing(const fs::path& path, const Timing& timing) {
  Json object = {
      {"schema_version", 1},
      {"device", timing.machine.device},
      {"threads", timing.machine.threads},
      {"sources", timing.machine.sources}};
  object["steps"] = Json::array();
  for (const StepTime& step : timing.steps) {
    object["steps"].push_back(
        {{"method", step.method},
         {"seconds", step.seconds},
         {"ratio", step.ratio},
         {"ratio_q1", step.ratio_q1},
         {"ratio_q3", step.ratio_q3},
         {"evaluations", step.evaluations}});
  }
  train::write_file_atomically(path, train::json_text(object, true) + "\n");
}

std::optional<Timing> read_timing(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    return std::nullopt;
  const Json object = train::parse_json(train::read_file(path), path.string());
  try {
    Timing timing;
    timing.machine = {
        object.at("device").get<std::string>(), object.at("threads").get<int64_t>(),
        object.at("sources").get<std::string>()};
    for (const Json& step : object.at("steps")) {
      timing.steps.push_back(
          {step.at("method").get<std::string>(), step.at("seconds").get<double>(), step.at("ratio").get<double>(),
           step.at("ratio_q1").get<double>(), step.at("ratio_q3").get<double>(), step.value("evaluations", 0.0)});
    }
    return timing;
  } catch (const Json::exception& error) {
    throw train::RecordReadError(path.string() + " is not what proxprop writes: " + error.what());
  }
}

}  // namespace proxprop::reproduce
