#include "train/data/fetch.h"

#include "train/data/data_error.h"
#include "train/data/folder_lock.h"
#include "train/data/unpack.h"

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

void fetch_archive(const Download& download, const fs::path& dir, const FetchCallback& progress) {
  std::error_code ignored;
  const fs::path destination = dir / download.destination;
  if (fs::exists(destination, ignored)) {
    return;
  }
  const fs::path archive = dir / last_part(download.url);
  const bool by_hand = fs::exists(archive, ignored);
  download_file(download.url, download.checksum, archive, progress);
  unpack_tar_gz(archive, destination);
  if (!by_hand) {
    fs::remove(archive, ignored);
  }
}

}  // namespace

void fetch(const Download& download, const fs::path& dir, const FetchCallback& progress) {
  make_folder((dir / download.destination).parent_path());
  const FolderLock lock(dir);
  if (download.archive) {
    fetch_archive(download, dir, progress);
  } else {
    download_file(download.url, download.checksum, dir / download.destination, progress);
  }
}

}  // namespace proxprop::train
