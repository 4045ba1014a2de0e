#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train::testing {

/// What an archive is to hold, good or bad.
struct TarEntry {
  enum class Kind { file, folder, symbolic_link, hard_link };
  std::string path;
  std::string content;  ///< a link's target
  Kind kind = Kind::file;
};

void write_tar_gz(const std::filesystem::path& file, const std::vector<TarEntry>& entries);

}  // namespace proxprop::train::testing
