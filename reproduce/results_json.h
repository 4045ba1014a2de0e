#pragma once

#include "reproduce/section.h"
#include "train/records/json.h"

#include <vector>

namespace proxprop::reproduce {

/// The sections with all their numbers, for the report's scripts and for scripts/plot_results.py. NaN becomes null.
train::Json results_json(const std::vector<Section>& sections);

}  // namespace proxprop::reproduce
