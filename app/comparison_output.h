#pragma once

#include <filesystem>
#include <vector>

namespace proxprop::app {

/// Writes the report over the runs to `html` and prints their comparison on standard output, as a table or as one JSON
/// object whose keys are the members of RunSummary.
void write_and_print_comparison(
    const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html, bool json);

}  // namespace proxprop::app
