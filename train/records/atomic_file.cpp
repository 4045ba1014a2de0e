#include "train/records/atomic_file.h"

#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <atomic>
#include <fcntl.h>
#include <regex>
#include <string>
#include <system_error>
#include <unistd.h>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// Hidden, and unique among processes and threads that write the same file.
fs::path temporary_name(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  const std::string unique = std::to_string(::getpid()) + "." + std::to_string(counter++);
  return path.parent_path() / (std::string(".") + path.filename().string() + "." + unique + ".tmp");
}

void write_and_sync(const fs::path& temporary, const fs::path& path, std::string_view bytes) {
  // A file of that name can only be left over from a dead process with our number: it may go.
  PosixFile file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, path);
  file.write(bytes);
  file.sync();
  file.close();
}

}  // namespace

std::string left_over_of(const std::string& name) {
  static const std::regex pattern(R"(\.(.+)\.[0-9]+\.[0-9]+\.tmp)");
  std::smatch match;
  return std::regex_match(name, match, pattern) ? match[1].str() : std::string();
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  const fs::path temporary = temporary_name(path);
  try {
    write_and_sync(temporary, path, bytes);
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error)
      throw RecordError("cannot write " + path.string() + ": " + error.message());
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  PosixFile(folder, O_RDONLY | O_DIRECTORY).sync();
}

}  // namespace proxprop::train
