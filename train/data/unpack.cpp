#include "train/data/unpack.h"

#include "train/data/data_error.h"
#include "train/data/output_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <system_error>
#include <vector>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostEntries = 1'000;  // empty ones cost a file system more than bytes

/// A new folder that is removed with everything in it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The entries of a .tar.gz, one after another.
class TarReader {
 public:
  explicit TarReader(const fs::path& file) : file_(file), archive_(archive_read_new(), &archive_read_free) {
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_format_tar(archive_.get());
    check(archive_read_open_filename(archive_.get(), file.c_str(), size_t{1} << 16));
  }

  /// The next entry; nullptr at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) {
      return nullptr;
    }
    check(status);
    return entry;
  }

  /// Fills the buffer with the entry's next bytes; returns how many, 0 at its end.
  size_t read(std::vector<char>& buffer) {
    const la_ssize_t count = archive_read_data(archive_.get(), buffer.data(), buffer.size());
    if (count < 0) {
      check(static_cast<int>(count));
    }
    return static_cast<size_t>(count);
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(file_.string() + ": " + what + "; nothing was unpacked, remove the file and fetch it again");
  }

 private:
  void check(int status) const {
    if (status != ARCHIVE_OK) {
      const char* reason = archive_error_string(archive_.get());
      refuse(std::string("the archive is truncated or corrupt (") + (reason ? reason : "unknown error") + ")");
    }
  }

  fs::path file_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

/// An entry's path without "." parts. Refuses whatever could end up outside the folder `top`.
fs::path checked_path(const TarReader& reader, archive_entry* entry, const fs::path& top) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) {
    reader.refuse("the archive holds an entry without a readable name");
  }
  const std::string quoted = std::string("\"") + name + "\"";
  const auto type = archive_entry_filetype(entry);
  if (archive_entry_hardlink(entry) != nullptr || (type != AE_IFREG && type != AE_IFDIR)) {
    reader.refuse("the archive's entry " + quoted + " is neither a file nor a folder but a link or device");
  }
  const fs::path path(name);
  fs::path clean;
  for (const fs::path& part : path) {
    if (path.is_absolute() || part == "..") {
      reader.refuse("the archive's entry " + quoted + " points outside of the folder");
    }
    if (!part.empty() && part != ".") {
      clean /= part;
    }
  }
  if (!clean.empty() && *clean.begin() != top) {
    reader.refuse("expected only entries in " + top.string() + "/, found " + quoted);
  }
  return clean;
}

void unpack_all(
    TarReader& reader,
    const fs::path& root,
    const fs::path& top,
    int64_t max_bytes,
    const std::function<void(const std::string&)>& on_entry) {
  std::vector<char> buffer(size_t{1} << 16);
  int64_t unpacked = 0;
  int64_t entries = 0;
  while (archive_entry* entry = reader.next()) {
    if (++entries > kMostEntries)
      reader.refuse("expected at most " + std::to_string(kMostEntries) + " entries, found more");
    const fs::path path = checked_path(reader, entry, top);
    if (on_entry) {
      on_entry(path.string());
    }
    if (archive_entry_filetype(entry) == AE_IFDIR) {
      fs::create_directories(root / path);
      continue;
    }
    fs::create_directories((root / path).parent_path());
    OutputFile file(root / path, OutputFile::Mode::create);
    while (const size_t count = reader.read(buffer)) {
      unpacked += static_cast<int64_t>(count);
      if (unpacked > max_bytes) {
        reader.refuse("expected at most " + std::to_string(max_bytes) + " unpacked bytes, found more");
      }
      file.write({buffer.data(), count});
    }
    file.sync();
  }
}

}  // namespace

void unpack_tar_gz(
    const fs::path& archive,
    const fs::path& destination,
    int64_t max_bytes,
    const std::function<void(const std::string&)>& on_entry) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(destination, ignored))) {
    throw DataError(destination.string() + ": exists already; remove it to unpack " + archive.string() + " again");
  }
  const fs::path top = destination.filename();
  try {
    TarReader reader(archive);
    const std::string temporary_name = std::string(".").append(top.string()).append(".unpacking");
    const TemporaryFolder temporary(destination.parent_path() / temporary_name);
    unpack_all(reader, temporary.path(), top, max_bytes, on_entry);
    if (!fs::is_directory(temporary.path() / top)) {
      reader.refuse("expected a folder " + top.string() + "/ in the archive, found none");
    }
    fs::rename(temporary.path() / top, destination);
  } catch (const fs::filesystem_error& error) {
    throw DataError(
        destination.string() + ": cannot be unpacked (" + error.code().message() +
        "); check the folder, its permissions and the free space");
  }
}

}  // namespace proxprop::train
