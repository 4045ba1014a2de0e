#pragma once

#include <filesystem>
#include <string>

namespace proxprop::train {

/// Holds a folder for one process: the lock lies on the folder itself, leaves no file, and ends with the process
/// however it ends. Where the file system knows no locks, nothing is held.
class FolderLock {
 public:
  /// Throws DataError when another process holds the folder: "FOLDER: BUSY", where `busy` says who may and what to do.
  FolderLock(const std::filesystem::path& folder, const std::string& busy);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace proxprop::train
