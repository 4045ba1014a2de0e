#include "app/out_folder.h"

#include "train/errors.h"
#include "train/records/record_error.h"
#include "train/records/run_info.h"

#include <system_error>

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

void check_out_folder(const fs::path& folder, ExistingFolder existing, const std::string& record, bool can_resume) {
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
        "the folder " + folder.string() + " is not empty: " + (can_resume ? "--resume goes on with its run, " : "") +
        "--force replaces it");
  }
  if (existing == ExistingFolder::replace && !has_record) {
    throw ConfigError(
        "the folder " + folder.string() + " is not empty and not from proxprop (no " + record +
        "): --force does not touch it; choose another --out");
  }
  if (const fs::path link = train::linked_part(folder); existing == ExistingFolder::replace && !link.empty()) {
    throw ConfigError(
        link.string() +
        " is a symbolic link: --force does not replace a run through it; remove the link or choose "
        "another --out");
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw train::RecordError("cannot make the folder " + folder.string() + ": " + error.message());
}

train::FolderLock lock_out_folder(const fs::path& folder) {
  return {folder, "another proxprop is writing to this folder; wait for it or choose another --out"};
}

}  // namespace proxprop::app
