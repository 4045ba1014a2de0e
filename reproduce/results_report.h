#pragma once

#include "train/records/json.h"

#include <filesystem>

namespace proxprop::reproduce {

/// Writes results_json as one HTML file that opens offline. Throws train::RecordError.
void write_results_report(const train::Json& results, const std::filesystem::path& html);

}  // namespace proxprop::reproduce
