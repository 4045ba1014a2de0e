#include "unsynced_files.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace proxprop::test {

void UnsyncedFiles::opened(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return;
  const std::lock_guard lock(mutex_);
  const bool known = std::any_of(files_.begin(), files_.end(), [&](const File& file) {
    return file.device == status.st_dev && file.inode == status.st_ino;
  });
  if (known)
    return;
  // With O_APPEND or not, a descriptor that was opened for writing can truncate.
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 500);
  if (own >= 0)
    files_.push_back({status.st_dev, status.st_ino, own, status.st_size});
}

void UnsyncedFiles::synced(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0)
    return;
  const std::lock_guard lock(mutex_);
  for (File& file : files_) {
    if (file.device == status.st_dev && file.inode == status.st_ino)
      file.safe_size = status.st_size;
  }
}

void UnsyncedFiles::lose(bool half) {
  const std::lock_guard lock(mutex_);
  for (const File& file : files_) {
    struct stat status {};
    if (::fstat(file.descriptor, &status) != 0 || status.st_size <= file.safe_size)
      continue;
    const off_t lost = status.st_size - file.safe_size;
    (void)::ftruncate(file.descriptor, half ? file.safe_size + lost / 2 : file.safe_size);
  }
}

}  // namespace proxprop::test
