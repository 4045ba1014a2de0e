#pragma once

#include "train/config.h"
#include "train/records/json.h"

namespace proxprop::train {

/// The configuration as JSON: one object per section, keys are the member names of train/config.h.
Json config_to_json(const Config& config);

/// The inverse. A key that is absent keeps its default. Throws RecordError that names the key when a key is unknown
/// ("unknown key method.tau") or its value has another type ("train.epochs must be an integer").
///
///     Config config = config_from_json(config_to_json(other));  // equal to other
Config config_from_json(const Json& json);

}  // namespace proxprop::train
