#include "reproduce/record_export.h"

#include "reproduce/task_plan.h"
#include "train/records/atomic_file.h"
#include "train/records/config_json.h"
#include "train/records/epoch_csv.h"
#include "train/records/event_json.h"
#include "train/records/metrics_reader.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"
#include "train/records/run_folder.h"

#include <nlohmann/json.hpp>

#include <string>
#include <system_error>
#include <type_traits>
#include <variant>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;
using train::Json;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw train::RecordError("cannot make the folder " + folder.string() + ": " + error.message());
}

/// "--out=/home/me/runs/a" becomes "--out=a".
std::string without_folders(const std::string& word) {
  const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  const size_t begin = equals == std::string::npos ? 0 : equals + 1;
  const size_t slash = word.find_last_of('/');
  return slash == std::string::npos || slash < begin ? word : word.substr(0, begin) + word.substr(slash + 1);
}

void strip_folders(std::vector<std::string>& words) {
  for (std::string& word : words)
    word = without_folders(word);
}

void export_info(const fs::path& folder, const fs::path& target) {
  train::RunInfo info = train::read_run_info(folder);
  info.config.data.dir.clear();
  strip_folders(info.command_line);
  for (train::Resumption& resumption : info.resumptions)
    strip_folders(resumption.command_line);
  train::write_run_info(target, std::move(info));
}

void export_metrics(const fs::path& folder, const fs::path& target) {
  std::string jsonl, csv = train::epoch_csv_header();
  for (train::Event& event : train::read_events(folder / "metrics.jsonl")) {
    if (std::holds_alternative<train::StepEvent>(event) || std::holds_alternative<train::EnergyEvent>(event))
      continue;
    if (auto* start = std::get_if<train::RunStart>(&event))
      start->config.data.dir.clear();
    if (const auto* epoch = std::get_if<train::EpochEvent>(&event))
      csv += train::epoch_csv_row(*epoch);
    jsonl += train::json_text(train::event_to_json(event)) + "\n";
  }
  train::write_file_atomically(target / "metrics.jsonl", jsonl);
  train::write_file_atomically(target / "metrics.csv", csv);
}

void export_run(const Cell& cell, int64_t seed, const RunStore& store, const fs::path& target) {
  const train::Config config = with_seed(cell, seed);
  const StoredRun* stored = store.find(config);
  if (stored == nullptr || !stored->begun)
    return;
  const fs::path folder = run_folder(runs_folder(target), config);
  make_folder(folder);
  export_info(stored->folder, folder);
  export_metrics(stored->folder, folder);
}

void export_hessian(const Cell& cell, const fs::path& out, const fs::path& target) {
  const fs::path source = hessian_folder(out, cell.config) / "hessian.json";
  std::error_code ignored;
  if (!fs::exists(source, ignored))
    return;
  Json object = train::parse_json(train::read_file(source), source.string());
  object["config"]["data"]["dir"] = "";
  const fs::path folder = hessian_folder(target, cell.config);
  make_folder(folder);
  train::write_file_atomically(folder / "hessian.json", train::json_text(object, true) + "\n");
}

}  // namespace

void export_records(
    const Experiment& experiment, int64_t seeds, const RunStore& store, const fs::path& out, const fs::path& target) {
  for (const Cell& cell : experiment.cells) {
    if (experiment.shows == Shows::spectrum)
      export_hessian(cell, out, target);
    for (int64_t k = 0; k < seeds && experiment.shows != Shows::spectrum; ++k)
      export_run(cell, k, store, target);
  }
  for (const char* name : {"experiment.json", "timing.json"}) {
    const fs::path source = out / experiment.name / name;
    std::error_code ignored;
    if (!fs::exists(source, ignored))
      continue;
    make_folder(target / experiment.name);
    train::write_file_atomically(target / experiment.name / name, train::read_file(source));
  }
}

}  // namespace proxprop::reproduce
