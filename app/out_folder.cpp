#include "app/out_folder.h"

#include "train/errors.h"
#include "train/records/record_error.h"
#include "train/records/run_info.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace proxprop::app {

namespace fs = std::filesystem;
using train::ConfigError;
using train::ExistingFolder;

fs::path new_run_folder(const std::string& stem) {
  std::string time = train::utc_now();
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const fs::path folder = fs::path("runs") / (stem + "-" + time);
  fs::path unused = folder;
  for (int i = 2; fs::exists(unused); ++i)
    unused = folder.string() + "-" + std::to_string(i);
  return unused;
}

bool is_occupied(const fs::path& folder) {
  try {
    return fs::exists(folder) && !(fs::is_directory(folder) && train::is_vacant(folder));
  } catch (const fs::filesystem_error& error) {
    throw train::RecordReadError("cannot read the folder " + folder.string() + ": " + error.code().message());
  }
}

void check_out_folder(const fs::path& folder, ExistingFolder existing, const std::string& record) {
  std::error_code ignored;
  const bool has_record = fs::exists(folder / record, ignored);
  if (existing == ExistingFolder::resume && !has_record) {
    throw ConfigError("nothing to resume in " + folder.string() + ": there is no " + record);
  }
  if (!is_occupied(folder))
    return;
  if (!fs::is_directory(folder))
    throw ConfigError(folder.string() + " is a file; --out needs a folder");
  if (existing == ExistingFolder::refuse) {
    throw ConfigError(
        "the folder " + folder.string() + " is not empty: --resume goes on with its run, --force replaces it");
  }
  if (existing == ExistingFolder::replace && !has_record) {
    throw ConfigError(
        "the folder " + folder.string() + " is not empty and not from proxprop (no " + record +
        "): --force does not touch it; choose another --out");
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw train::RecordError("cannot make the folder " + folder.string() + ": " + error.message());
}

OutFolderLock::OutFolderLock(const fs::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // A file system without locks holds nothing, and the run goes on.
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw ConfigError("another proxprop is writing to " + folder.string() + "; wait for it or choose another --out");
  }
}

OutFolderLock::~OutFolderLock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

}  // namespace proxprop::app
