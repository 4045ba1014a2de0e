#pragma once
// Which methods a comparison trains, each with which configuration.

#include "app/config_sources.h"
#include "train/records/json.h"

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::app {

struct ComparedMethod {
  std::string label;  ///< "cg3"; also the name of its sub-folder
  train::Config config;
};

/// Throws UsageError for a --set, or train::ConfigError for a table of a file, that is for a method that is not
/// compared. A table for a method that could be compared may stay in the file.
void check_scopes(const ConfigSources& sources, const std::vector<std::string>& labels);

/// One configuration per label. A label is a method (backprop, exact, cgN, lab), or any name for which some source sets
/// the method: [compare.my-adam.method] name = "backprop". Throws UsageError, or train::ConfigError where the methods
/// would not have the same initial parameters and the same batches.
std::vector<ComparedMethod> plan_comparison(const ConfigSources& sources, const std::vector<std::string>& labels);

/// The comparison as TOML that --config reads: the keys on which all methods agree once, then [compare] methods and
/// what each method has for itself.
std::string comparison_toml(const std::vector<ComparedMethod>& methods);

/// compare.json, which says what a comparison is made of, so that it can be resumed.
void write_comparison(const std::filesystem::path& folder, const std::vector<ComparedMethod>& methods);
/// Throws train::RecordError.
std::vector<ComparedMethod> read_comparison(const std::filesystem::path& folder);

}  // namespace proxprop::app
