#include "train/data/folder_lock.h"

#include "train/data/data_error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace proxprop::train {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& busy)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    throw DataError(
        folder.string() + ": cannot be opened (" + std::generic_category().message(errno) +
        "); check the folder and its permissions");
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw DataError(folder.string() + ": " + busy);
  }
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

}  // namespace proxprop::train
