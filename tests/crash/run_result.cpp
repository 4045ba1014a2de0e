#include "run_result.h"

#include "process.h"

#include <nlohmann/json.hpp>

#include <cstring>
#include <sstream>

namespace proxprop::test {
namespace {

namespace fs = std::filesystem;

// The header has the time that training took, and a checksum over it.
std::string data_of_safetensors(const std::string& bytes) {
  uint64_t header = 0;
  if (bytes.size() < sizeof header)
    return "";
  std::memcpy(&header, bytes.data(), sizeof header);
  return bytes.substr(std::min(bytes.size(), sizeof header + header));
}

fs::path newest_checkpoint(const fs::path& folder) {
  fs::path newest;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (entry.path().filename().string().starts_with("step-"))
      newest = std::max(newest, entry.path());  // numbers are padded with zeros
  }
  return newest;
}

std::string without_times(const std::string& jsonl) {
  std::string text;
  std::istringstream lines(jsonl);
  for (std::string line; std::getline(lines, line);) {
    auto event = nlohmann::ordered_json::parse(line, nullptr, false);
    if (event.is_discarded()) {
      text += "torn: " + line + "\n";
      continue;
    }
    if (event["event"] == "start")  // says whether the run was resumed
      continue;
    event.erase("seconds");
    event.erase("peak_resident_bytes");
    text += event.dump() + "\n";
  }
  return text;
}

std::string without_column(const std::string& csv, const std::string& name) {
  std::string text;
  std::istringstream lines(csv);
  int unwanted = -1;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    int column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      if (cell == name)
        unwanted = column;
      if (column != unwanted)
        text += cell + ",";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

RunResult read_result(const fs::path& run_folder) {
  const fs::path checkpoints = run_folder / "checkpoints";
  return {
      read_file(checkpoints / "model.safetensors"), data_of_safetensors(read_file(newest_checkpoint(checkpoints))),
      without_times(read_file(run_folder / "metrics.jsonl")),
      without_column(read_file(run_folder / "metrics.csv"), "seconds")};
}

std::string left_overs(const fs::path& run_folder) {
  std::string names;
  std::error_code absent;
  for (const auto& entry : fs::recursive_directory_iterator(run_folder, absent)) {
    if (entry.path().extension() == ".tmp")
      names += entry.path().lexically_relative(run_folder).string() + " ";
  }
  return names;
}

}  // namespace proxprop::test
