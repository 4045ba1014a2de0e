#include "train/records/run_info.h"

#include "train/records/config_json.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <ctime>
#include <fstream>

namespace proxprop::train {
namespace {

constexpr int64_t schema_version = 1;

}  // namespace

Json run_info_to_json(const RunInfo& info) {
  Json json = Json::object();
  json["schema_version"] = schema_version;
  json["label"] = info.label;
  json["seed"] = info.config.train.seed;
  json["config"] = config_to_json(info.config);
  json["program_version"] = info.program_version;
  json["libtorch_version"] = info.libtorch_version;
  json["git_describe"] = info.git_describe;
  json["device_name"] = info.device_name;
  json["cpu_name"] = info.cpu_name;
  json["start_time"] = info.start_time;
  json["command_line"] = info.command_line;
  json["resumptions"] = Json::array();
  for (const Resumption& resumption : info.resumptions) {
    Json entry = Json::object();
    entry["start_time"] = resumption.start_time;
    entry["command_line"] = resumption.command_line;
    json["resumptions"].push_back(entry);
  }
  return json;
}

RunInfo run_info_from_json(const Json& json) {
  try {
    const int64_t version = integer_from_json(json.at("schema_version"), "schema_version");
    if (version > schema_version) {
      throw RecordReadError("written by a newer proxprop (schema_version " + std::to_string(version) + ")");
    }
    RunInfo info;
    info.label = json.at("label").get<std::string>();
    info.config = config_from_json(json.at("config"));
    info.program_version = json.at("program_version").get<std::string>();
    info.libtorch_version = json.at("libtorch_version").get<std::string>();
    info.git_describe = json.at("git_describe").get<std::string>();
    info.device_name = json.at("device_name").get<std::string>();
    info.cpu_name = json.at("cpu_name").get<std::string>();
    info.start_time = json.at("start_time").get<std::string>();
    info.command_line = json.at("command_line").get<std::vector<std::string>>();
    for (const Json& entry : json.at("resumptions")) {
      info.resumptions.push_back(
          {entry.at("start_time").get<std::string>(), entry.at("command_line").get<std::vector<std::string>>()});
    }
    return info;
  } catch (const Json::exception& error) {
    throw RecordReadError(std::string("not the record of a run: ") + error.what());
  }
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "unknown";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), length);
}

}  // namespace proxprop::train
