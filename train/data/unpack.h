#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace proxprop::train {

/// Unpacks a .tar.gz to `destination`, whole or not at all. Every entry must be a file or a folder inside the folder
/// that has destination's name; absolute paths, "..", links and devices are refused. Owners, modes and times are not
/// taken over. The work is done in a temporary folder beside `destination`, which is renamed at the end; one that an
/// earlier, killed try left is removed first. `on_entry` is called with the path of each entry before it is written; it
/// may throw to give up. Throws DataError when `destination` exists, for a corrupt or truncated archive, for a refused
/// entry, and for more than `max_bytes` of files or 1,000 entries.
void unpack_tar_gz(
    const std::filesystem::path& archive,
    const std::filesystem::path& destination,
    int64_t max_bytes = int64_t{1} << 32,
    const std::function<void(const std::string&)>& on_entry = {});

}  // namespace proxprop::train
