#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace proxprop::train {

/// A file open for writing that holds nothing back: when write() returns, the bytes are with the operating system and
/// survive the death of the process; after sync() they survive a power cut. Every failure is a RecordError.
class PosixFile {
 public:
  /// `flags` as of open(2), O_CLOEXEC is added. Messages name `shown` (default: `path`).
  PosixFile(const std::filesystem::path& path, int flags, const std::filesystem::path& shown = {});
  ~PosixFile();
  PosixFile(PosixFile&& other) noexcept;
  PosixFile& operator=(PosixFile&& other) noexcept;
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  void write(std::string_view bytes);
  void sync();
  void close();

 private:
  [[noreturn]] void fail() const;

  std::string shown_;  // before the descriptor: naming it must not disturb errno
  int descriptor_ = -1;
};

/// All bytes of a file; of pipes and devices, which may never end, none. Throws RecordReadError.
std::string read_file(const std::filesystem::path& path);

}  // namespace proxprop::train
