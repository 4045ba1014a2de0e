#pragma once

#include "train/records/json.h"

#include <filesystem>

namespace proxprop::train {

/// Writes one HTML file about the spectra that `proxprop hessian --json` prints: extreme eigenvalues with their error
/// bounds, density, and the share of eigenvalues below a value. It opens offline, as reports do. Throws RecordError
/// where plotly.min.js is missing or the file cannot be written.
void write_spectrum_page(const Json& hessian, const std::filesystem::path& html);

}  // namespace proxprop::train
