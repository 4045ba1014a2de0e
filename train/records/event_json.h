#pragma once

#include "train/observer.h"
#include "train/records/json.h"

#include <optional>
#include <variant>

namespace proxprop::train {

/// What one line of metrics.jsonl holds.
using Event = std::variant<RunStart, StepEvent, EnergyEvent, ResidualEvent, EpochEvent, RunEnd>;

/// {"event": "start" | "step" | "energy" | "residual" | "epoch" | "end", ...}; the other keys are the member names of
/// train/observer.h. A start does not say whether and where the run was resumed: the record of a resumed run is that of
/// a run never stopped.
Json event_to_json(const Event& event);

/// The inverse: an absent number keeps its default, null is NaN. Empty for a kind of event that this version does not
/// know. Throws RecordError for an object that is no event.
std::optional<Event> event_from_json(const Json& json);

}  // namespace proxprop::train
