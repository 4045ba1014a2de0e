#include "train/records/metrics_reader.h"

#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace proxprop::train {
namespace {

struct Collector {
  Metrics metrics;

  void operator()(RunStart& start) { metrics.start = std::move(start); }
  void operator()(StepEvent& step) { metrics.steps.push_back(step); }
  void operator()(EnergyEvent& energy) { metrics.energies.push_back(std::move(energy)); }
  void operator()(ResidualEvent& residual) { metrics.residuals.push_back(std::move(residual)); }
  void operator()(EpochEvent& epoch) { metrics.epochs.push_back(epoch); }
  void operator()(RunEnd& end) { metrics.end = std::move(end); }
};

}  // namespace

std::vector<Event> read_events(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<Event> events;
  size_t line_number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++line_number;
    const size_t length = rest.find('\n');
    const bool torn = length == std::string_view::npos;
    const std::string_view line = rest.substr(0, length);
    rest.remove_prefix(torn ? rest.size() : length + 1);
    if (torn)
      break;  // even where it parses: "1.2" may be the beginning of 1.25
    try {
      if (auto event = event_from_json(parse_json(line, "the line")))
        events.push_back(std::move(*event));
    } catch (const RecordError& error) {
      throw RecordReadError(path.string() + ", line " + std::to_string(line_number) + ": " + error.what());
    }
  }
  return events;
}

Metrics read_metrics(const std::filesystem::path& path) {
  Collector collector;
  for (Event& event : read_events(path))
    std::visit(collector, event);
  return std::move(collector.metrics);
}

}  // namespace proxprop::train
