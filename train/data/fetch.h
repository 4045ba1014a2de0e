#pragma once

#include "train/data/checksum.h"
#include "train/data/download.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train {

struct UnpackedFile {
  std::string name;
  int64_t bytes = 0;
};

/// One thing to fetch, as data.
struct Download {
  std::string url;
  Checksum checksum;     ///< of what `url` holds
  bool archive = false;  ///< a .tar.gz, to be unpacked
  std::filesystem::path
      destination;  ///< relative to the data folder: the file, or the folder that the archive unpacks to
  std::vector<UnpackedFile> files = {};  ///< what the archive's folder must hold; empty: whatever there is will do
};

/// What the authors of a data set offer for download. Throws DataError for names that there are not and for those that
/// need no download (mnist-5k, synthetic).
std::vector<Download> official_downloads(const std::string& name);

/// Brings one download into the folder `dir`, which is made when it is missing. What is there already is kept: a file
/// with the right checksum, a folder that holds all of `files` in the right sizes, an archive with the right checksum
/// that was put into `dir` by hand. Where files are missing or of the wrong size, the archive is fetched afresh and its
/// files take their places; others stay. A downloaded archive is removed once it is unpacked.
/// One process at a time fetches into a folder. Throws DataError, see download_file and unpack_tar_gz.
void fetch(const Download& download, const std::filesystem::path& dir, const FetchCallback& progress = {});

/// Fetches the data set `name` into `dir`; load_dataset(name, dir, ...) finds it there. Returns the folder of its
/// files.
///
///     fetch_dataset("cifar10", "downloads", [](const FetchProgress& p) { std::cerr << p.done << '/' << p.total <<
///     '\r'; });
std::filesystem::path fetch_dataset(
    const std::string& name, const std::filesystem::path& dir, const FetchCallback& progress = {});

}  // namespace proxprop::train
