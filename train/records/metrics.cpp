#include "train/records/metrics.h"

#include "train/records/atomic_file.h"
#include "train/records/epoch_csv.h"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <string>
#include <utility>
#include <variant>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

std::string line_of(const Event& event) {
  return json_text(event_to_json(event)) + "\n";
}

// What a run resumed after `first_step` still has to say; its start is said anew (it may have got more epochs).
std::vector<Event> events_up_to(const fs::path& path, int64_t first_step) {
  std::vector<Event> kept;
  if (!fs::exists(path))
    return kept;
  for (const Event& event : read_events(path)) {
    const auto* step = std::get_if<StepEvent>(&event);
    const auto* energy = std::get_if<EnergyEvent>(&event);
    const auto* residual = std::get_if<ResidualEvent>(&event);
    const auto* epoch = std::get_if<EpochEvent>(&event);
    if ((step && step->step <= first_step) || (energy && energy->step <= first_step) ||
        (residual && residual->step <= first_step) || (epoch && epoch->step <= first_step))
      kept.push_back(event);
  }
  return kept;
}

}  // namespace

MetricsWriter::MetricsWriter(const fs::path& run_folder)
    : jsonl_path_(run_folder / "metrics.jsonl"), csv_path_(run_folder / "metrics.csv") {}

void MetricsWriter::on_start(const RunStart& start) {
  std::vector<Event> events{start};
  if (start.resumed) {
    for (Event& event : events_up_to(jsonl_path_, start.first_step))
      events.push_back(std::move(event));
  }
  begin_files(events);
}

void MetricsWriter::begin_files(const std::vector<Event>& events) {
  std::string lines;
  std::string rows = epoch_csv_header();
  last_step_ = 0;
  last_epoch_step_ = -1;
  for (const Event& event : events) {
    lines += line_of(event);
    if (const auto* step = std::get_if<StepEvent>(&event))
      last_step_ = step->step;
    if (const auto* epoch = std::get_if<EpochEvent>(&event)) {
      rows += epoch_csv_row(*epoch);
      last_epoch_step_ = epoch->step;
    }
  }
  write_file_atomically(jsonl_path_, lines);
  write_file_atomically(csv_path_, rows);
  jsonl_.emplace(jsonl_path_, O_WRONLY | O_APPEND);
  csv_.emplace(csv_path_, O_WRONLY | O_APPEND);
}

void MetricsWriter::append(const Event& event) {
  jsonl_.value().write(line_of(event));
}

void MetricsWriter::on_step(const StepEvent& step) {
  if (step.step <= last_step_)
    return;
  last_step_ = step.step;
  append(step);
}

void MetricsWriter::on_energy(const EnergyEvent& energy) {
  append(energy);
}

void MetricsWriter::on_residual(const ResidualEvent& residual) {
  append(residual);
}

void MetricsWriter::on_epoch(const EpochEvent& epoch) {
  if (epoch.step <= last_epoch_step_)
    return;
  last_epoch_step_ = epoch.step;
  append(epoch);
  csv_.value().write(epoch_csv_row(epoch));
  jsonl_.value().sync();
  csv_.value().sync();
}

void MetricsWriter::on_checkpoint(int64_t) {
  jsonl_.value().sync();
  csv_.value().sync();
}

void MetricsWriter::on_end(const RunEnd& end) {
  append(end);
  jsonl_.value().sync();
}

}  // namespace proxprop::train
