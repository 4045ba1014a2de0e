#pragma once

#include <filesystem>
#include <string_view>

namespace proxprop::train {

/// The name of the file whose writing was cut short by the end of the process, if `name` is that of such a left-over
/// (".run.json.4711.0.tmp"); else an empty string.
std::string left_over_of(const std::string& name);

/// Replaces the content of `path`: whoever reads it, at any moment and after any crash, finds the old content or the
/// new one, whole. Temporary file in the same folder, write, fsync, rename, fsync of the folder. The folder must exist.
/// Throws RecordError (no space left, no permission, ...); the old content is then still there and nothing else is
/// left.
///
///     write_file_atomically(folder / "run.json", text);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace proxprop::train
