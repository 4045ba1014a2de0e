#pragma once

#include <filesystem>
#include <vector>

namespace proxprop::app {

/// Prints the comparison of the runs on standard output, as a table or as one JSON object whose keys are the members of
/// RunSummary, then writes the report over them to `html`.
void print_and_write_comparison(
    const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html, bool json);

}  // namespace proxprop::app
