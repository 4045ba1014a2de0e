#include "train/records/posix_file.h"

#include "train/records/record_error.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace proxprop::train {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace

PosixFile::PosixFile(const std::filesystem::path& path, int flags, const std::filesystem::path& shown)
    : shown_(shown.empty() ? path.string() : shown.string()),
      descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0)
    fail();
}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

PosixFile::PosixFile(PosixFile&& other) noexcept
    : shown_(std::move(other.shown_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

PosixFile& PosixFile::operator=(PosixFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(shown_, other.shown_);
  return *this;
}

void PosixFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR)
        continue;
      fail();
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void PosixFile::sync() {
  // EINVAL, ENOTSUP: this kind of file (a pipe, a folder on some network file systems) cannot be synchronised.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail();
}

void PosixFile::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR)
    fail();
}

void PosixFile::fail() const {
  throw RecordError("cannot write " + shown_ + ": " + reason(errno));
}

std::string read_file(const std::filesystem::path& path) {
  // Not waiting for the other end of a pipe.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  int error = descriptor < 0 || ::fstat(descriptor, &status) != 0 ? errno : 0;
  const bool regular = S_ISREG(status.st_mode);  // a device may never end
  std::string bytes;
  std::array<char, 65536> chunk;
  while (error == 0 && regular) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count == 0)
      break;
    if (count > 0) {
      bytes.append(chunk.data(), static_cast<size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (descriptor >= 0)
    ::close(descriptor);
  if (error != 0 || !regular)
    throw RecordReadError("cannot read " + path.string() + ": " + (error != 0 ? reason(error) : "not a regular file"));
  return bytes;
}

}  // namespace proxprop::train
