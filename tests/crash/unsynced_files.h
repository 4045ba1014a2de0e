#pragma once

#include <mutex>
#include <vector>

#include <sys/types.h>

namespace proxprop::test {

/// The files that a process writes, and how much of each a power failure would leave.
class UnsyncedFiles {
 public:
  /// Told after a file was opened for writing. What was in it before counts as safe, unless it was written by us.
  void opened(int descriptor);
  /// Told after an fsync.
  void synced(int descriptor);
  /// The power fails: files end where they were last synced, or (`half`) in the middle of what was written since.
  void lose(bool half);

 private:
  struct File {
    dev_t device;
    ino_t inode;
    int descriptor;  // our own, since the program closes its one
    off_t safe_size;
  };
  std::mutex mutex_;
  std::vector<File> files_;
};

}  // namespace proxprop::test
