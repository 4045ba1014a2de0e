#pragma once

#include "train/data/checksum.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace proxprop::train {

/// How far a fetch is.
struct FetchProgress {
  std::string file;    ///< name of the file that is being downloaded
  int64_t done = 0;    ///< bytes, those of an earlier, resumed try included
  int64_t total = -1;  ///< bytes; -1: the server did not say
};

/// Called often while bytes come, at least about once a second while none do, and at the end of each file with
/// done = total. May throw to give up: the exception comes out of the fetch, and what came so far waits to be resumed.
using FetchCallback = std::function<void(const FetchProgress&)>;

/// Downloads `url` to `file`, which is there afterwards with the right checksum, or not touched at all.
/// - A file that is there with the right checksum is kept, and nothing is downloaded.
/// - The bytes are collected in `file`.part. One that an earlier try left is resumed by a range request; a connection
///   that is cut is taken up again as long as each try brings some bytes.
/// - When a resumed file has the wrong checksum (the file on the server may have changed), it is downloaded once more
/// from
///   the beginning; a wrong checksum then removes the .part.
/// Throws DataError when the server cannot be reached or refuses, for a wrong checksum, and for more than `max_bytes`.
void download_file(
    const std::string& url,
    const Checksum& checksum,
    const std::filesystem::path& file,
    const FetchCallback& progress = {},
    int64_t max_bytes = int64_t{1} << 31);

}  // namespace proxprop::train
