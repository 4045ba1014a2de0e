#pragma once

#include <filesystem>

namespace proxprop::train {

/// Holds a folder for one process: the lock lies on the folder itself, leaves no file, and ends with the process
/// however it ends. Throws DataError when another process holds it. Where the file system knows no locks, nothing is
/// held.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace proxprop::train
