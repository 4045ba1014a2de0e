#pragma once

#include <filesystem>
#include <string_view>

namespace proxprop::train {

/// Replaces the content of `path`: whoever reads it, at any moment and after any crash, finds the old content or the
/// new one, whole. Temporary file in the same folder, write, fsync, rename, fsync of the folder. The folder must exist.
/// Throws RecordError (no space left, no permission, ...); the old content is then still there and nothing else is
/// left.
///
///     write_file_atomically(folder / "run.json", text);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace proxprop::train
