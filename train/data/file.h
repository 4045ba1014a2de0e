#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace proxprop::train {

/// The bytes of a regular file. Throws DataError when it is missing, not a regular file, unreadable or longer than
/// `max_bytes`.
std::vector<uint8_t> read_file(const std::filesystem::path& file, int64_t max_bytes);

}  // namespace proxprop::train
