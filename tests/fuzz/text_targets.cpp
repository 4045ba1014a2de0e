#include "app/config_sources.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/targets.h"
#include "train/errors.h"
#include "train/records/event_json.h"
#include "train/records/metrics_reader.h"
#include "train/records/record_error.h"
#include "train/records/run_info.h"

#include <nlohmann/json.hpp>

#include <optional>

namespace proxprop::fuzz {

using train::RecordError;

void read_toml_target(std::string_view bytes) {
  const MemoryFile file(bytes);
  app::ConfigSources sources;
  try {
    sources.add_file(file.path());
    sources.resolve();
    for (const auto& [scope, origin] : sources.scopes())
      sources.resolve(scope);
  } catch (const train::ConfigError&) {
  }
}

void read_metrics_target(std::string_view bytes) {
  const MemoryFile file(bytes);
  try {
    for (const train::Event& event : train::read_events(file.path())) {
      const std::string text = train::json_text(train::event_to_json(event));
      const auto again = train::event_from_json(train::parse_json(text, "the event"));
      check_law(again.has_value(), "an event that was read can be written and read again");
      check_law(train::json_text(train::event_to_json(*again)) == text, "an event comes back as it was");
    }
  } catch (const RecordError&) {
  }
}

void read_run_info_target(std::string_view bytes) {
  std::optional<train::RunInfo> info;
  try {
    info = train::run_info_from_json(train::parse_json(bytes, "the file"));
  } catch (const RecordError&) {
    return;
  }
  const std::string text = train::json_text(train::run_info_to_json(*info));
  const train::RunInfo again = train::run_info_from_json(train::parse_json(text, "the file"));
  check_law(train::json_text(train::run_info_to_json(again)) == text, "a run's record comes back as it was");
}

}  // namespace proxprop::fuzz
