#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace proxprop::train {

/// A file that is being written, by a descriptor of its own so that it can be synced. Every failure is a DataError that
/// names the file and the system's reason (no space left, say).
class OutputFile {
 public:
  enum class Mode { append, create };  ///< append keeps what is there; create refuses a file that exists

  OutputFile(std::filesystem::path path, Mode mode);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const char> bytes);
  void clear();  ///< back to no bytes
  void sync();   ///< waits until the bytes are on the disk

  int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace proxprop::train
