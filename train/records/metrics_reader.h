#pragma once

#include "train/observer.h"
#include "train/records/event_json.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace proxprop::train {

/// The events of a metrics.jsonl in their order. A last line that was cut off (the process was killed, the disk was
/// full) is left out; anything else that is no event is a RecordError with the line's number.
std::vector<Event> read_events(const std::filesystem::path& path);

/// The same, sorted by kind.
struct Metrics {
  std::optional<RunStart> start;
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  std::optional<RunEnd> end;  ///< empty while the run goes on, and after it was killed
  std::vector<EnergyEvent> energies = {};
  std::vector<ResidualEvent> residuals = {};
};
Metrics read_metrics(const std::filesystem::path& path);

}  // namespace proxprop::train
