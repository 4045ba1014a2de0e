#include "train/data/fetch.h"

#include "train/data/data_error.h"
#include "train/data/folder_lock.h"
#include "train/data/unpack.h"

#include <algorithm>
#include <string>
#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw DataError(folder.string() + ": cannot be made (" + error.message() + "); check the path and its permissions");
  }
}

std::string last_part(const std::string& url) {
  return url.substr(url.rfind('/') + 1);
}

bool is_whole(const fs::path& folder, const std::vector<UnpackedFile>& files) {
  return std::all_of(files.begin(), files.end(), [&](const UnpackedFile& file) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / file.name, error);
    return !error && bytes == static_cast<uintmax_t>(file.bytes);
  });
}

/// Each file in `from` takes its place in `to`, at once; what else is there stays.
void move_files(const fs::path& from, const fs::path& to) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(from)) {
    const fs::path place = to / entry.path().lexically_relative(from);
    if (entry.is_directory()) {
      fs::create_directories(place);
    } else {
      fs::rename(entry.path(), place);
    }
  }
}

/// Unpacks beside `destination`, which is there but not whole, and completes it.
void unpack_over(const fs::path& archive, const fs::path& destination) {
  const fs::path beside =
      destination.parent_path() / std::string(".").append(destination.filename().string()).append(".afresh");
  try {
    fs::remove_all(beside);
    fs::create_directory(beside);
    unpack_tar_gz(archive, beside / destination.filename());
    move_files(beside / destination.filename(), destination);
    fs::remove_all(beside);
  } catch (const fs::filesystem_error& error) {
    throw DataError(
        destination.string() + ": its files cannot be replaced (" + error.code().message() +
        "); remove the folder and fetch the data set again");
  }
}

void fetch_archive(const Download& download, const fs::path& dir, const FetchCallback& progress) {
  std::error_code ignored;
  const fs::path destination = dir / download.destination;
  const bool is_there = fs::exists(destination, ignored);
  if (is_there && is_whole(destination, download.files)) {
    return;
  }
  const fs::path archive = dir / last_part(download.url);
  const bool by_hand = fs::exists(archive, ignored);
  download_file(download.url, download.checksum, archive, progress);
  if (is_there) {
    unpack_over(archive, destination);
  } else {
    unpack_tar_gz(archive, destination);
  }
  if (!by_hand) {
    fs::remove(archive, ignored);
  }
}

}  // namespace

void fetch(const Download& download, const fs::path& dir, const FetchCallback& progress) {
  make_folder((dir / download.destination).parent_path());
  const FolderLock lock(dir, "another fetch is at work in this folder; wait until it is done");
  if (download.archive) {
    fetch_archive(download, dir, progress);
  } else {
    download_file(download.url, download.checksum, dir / download.destination, progress);
  }
}

}  // namespace proxprop::train
