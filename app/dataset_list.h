#pragma once

#include "train/records/json.h"

#include <filesystem>
#include <string>

namespace proxprop::app {

/// The data sets that there are, with the folder in which each is found: under `dir`, or where load_dataset looks when
/// no folder is given.
train::Json dataset_list(const std::filesystem::path& dir);

/// The same as a table.
std::string dataset_table(const std::filesystem::path& dir);

}  // namespace proxprop::app
