#pragma once

#include "train/data/dataset.h"

#include <filesystem>
#include <vector>

namespace proxprop::train {

/// The folders in which load_dataset looks for the files of a data set, in order.
std::vector<std::filesystem::path> candidate_folders(const DatasetInfo& info, const std::filesystem::path& dir);

/// `name`.gz in `folder`, or `name` where that is not there. The compressed file comes first because it is what is
/// fetched, and because it has a checksum of its own content. The result need not exist.
std::filesystem::path plain_or_gzip(const std::filesystem::path& folder, const std::string& name);

/// The folder that find_dataset finds. Throws DataError, which says where it was looked and what is missing.
std::filesystem::path locate_dataset(const DatasetInfo& info, const std::filesystem::path& dir);

}  // namespace proxprop::train
