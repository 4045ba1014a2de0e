#pragma once

#include "train/data/labelled_images.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace proxprop::train {

/// Reads files in CIFAR-10's binary format: records of 1 label byte and 3,072 pixel bytes (planes R, G, B of 32 x 32,
/// row-major). The files' records follow one another. `records_per_file` 0: any whole number of records.
/// Throws DataError for a file that is missing, has another number of bytes, or a label that is not in [0, 10).
LabelledImages read_cifar10(const std::vector<std::filesystem::path>& files, int64_t records_per_file = 0);

/// The same for CIFAR-100: two label bytes, the coarse label (in [0, 20), checked and dropped) and the fine one (in
/// [0, 100)), which is the label.
LabelledImages read_cifar100(const std::vector<std::filesystem::path>& files, int64_t records_per_file = 0);

}  // namespace proxprop::train
