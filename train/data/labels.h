#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train {

/// Label bytes as int64. Throws DataError, which names `file`, the record and the label, when one is not in [0,
/// classes).
at::Tensor checked_labels(const at::Tensor& bytes, int64_t classes, const std::string& file);

/// Names of the classes, one a line, out of a text file such as batches.meta.txt. Empty lines do not count.
/// Throws DataError unless there are as many names as classes.
std::vector<std::string> read_class_names(const std::filesystem::path& file, int64_t classes);

/// "0", "1", ...: for data sets whose classes have no names.
std::vector<std::string> numbered_class_names(int64_t classes);

}  // namespace proxprop::train
