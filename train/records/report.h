#pragma once

#include <filesystem>
#include <vector>

namespace proxprop::train {

/// Writes one HTML file that compares the runs in `run_folders` and opens offline in any browser: Plotly.js and the
/// data are in it, and it may load nothing (its content security policy forbids that). Curves of training, validation,
/// test and batch losses against epochs or seconds, results beside the baseline's, plan of routes per layer,
/// configurations. Throws RecordError where a folder holds no run, plotly.min.js is missing, or the file cannot be
/// written.
///
///     write_report({"runs/backprop", "runs/exact"}, "runs/report.html");
void write_report(const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html);

}  // namespace proxprop::train
