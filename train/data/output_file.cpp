#include "train/data/output_file.h"

#include "train/data/data_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace proxprop::train {

OutputFile::OutputFile(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (mode == Mode::append ? O_APPEND : O_EXCL);
  descriptor_ = ::open(path_.c_str(), flags, 0644);
  if (descriptor_ < 0) {
    fail("cannot be created");
  }
  size_ = ::lseek(descriptor_, 0, SEEK_END);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void OutputFile::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      fail("cannot be written");
    }
    size_ += written;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) {
    fail("cannot be emptied");
  }
  size_ = 0;
}

void OutputFile::sync() {
  if (::fsync(descriptor_) != 0) {
    fail("cannot be written to the disk");
  }
}

void OutputFile::fail(const char* what) const {
  const std::string reason = std::generic_category().message(errno);
  throw DataError(
      path_.string() + ": " + what + " (" + reason + "); check the folder, its permissions and the free space");
}

}  // namespace proxprop::train
