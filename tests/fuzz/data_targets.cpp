#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/targets.h"
#include "train/data/cifar.h"
#include "train/data/data_error.h"
#include "train/data/gzip.h"
#include "train/data/idx.h"
#include "train/data/unpack.h"

#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <span>

namespace proxprop::fuzz {
namespace {

namespace fs = std::filesystem;
using train::DataError;

constexpr int64_t kMostBytes = int64_t{1} << 20;

// A new folder, removed with all that an archive put there.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "proxprop-fuzz-XXXXXX").string();
    check_law(::mkdtemp(pattern.data()) != nullptr, "a scratch folder can be made");
    path_ = pattern;
  }
  ~ScratchFolder() { fs::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

void read_idx_target(std::string_view bytes) {
  const MemoryFile file(bytes);
  try {
    check_law(train::read_idx(file.path(), kMostBytes).numel() <= kMostBytes, "an IDX file keeps to its limit");
  } catch (const DataError&) {
  }
  try {
    const at::Tensor labels = train::read_idx_labels(file.path(), 10);
    check_law(labels.numel() == 0 || labels.max().item<int64_t>() < 10, "labels are below the number of classes");
  } catch (const DataError&) {
  }
}

void read_cifar_target(std::string_view bytes) {
  const MemoryFile file(bytes);
  for (const int64_t records : {int64_t{0}, int64_t{1}}) {
    try {
      const auto read = train::read_cifar10({file.path()}, records);
      check_law(read.images.size(0) == read.labels.size(0), "each image has its label");
    } catch (const DataError&) {
    }
    try {
      train::read_cifar100({file.path()}, records);
    } catch (const DataError&) {
    }
  }
}

void read_gzip_target(std::string_view bytes) {
  const std::span input(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  try {
    const auto output = train::gunzip(input, kMostBytes, "input");
    check_law(static_cast<int64_t>(output.size()) <= kMostBytes, "gunzip keeps to its limit");
  } catch (const DataError&) {
  }
}

void read_archive_target(std::string_view bytes) {
  const MemoryFile file(bytes);
  const ScratchFolder scratch;
  fs::create_directory(scratch.path() / "inside");
  const fs::path destination = scratch.path() / "inside" / "data";
  bool unpacked = false;
  try {
    train::unpack_tar_gz(file.path(), destination, kMostBytes);
    unpacked = true;
  } catch (const DataError&) {
  }
  check_law(unpacked == fs::exists(destination), "an archive is unpacked whole or not at all");
  int64_t size = 0;
  for (const auto& entry : fs::recursive_directory_iterator(scratch.path())) {
    const fs::path relative = entry.path().lexically_relative(scratch.path() / "inside");
    const bool inside = entry.path() == scratch.path() / "inside" || *relative.begin() == "data";
    check_law(inside, "nothing is unpacked outside of the destination");
    check_law(!entry.is_symlink(), "no link is unpacked");
    if (entry.is_regular_file())
      size += static_cast<int64_t>(entry.file_size());
  }
  check_law(size <= kMostBytes, "an archive keeps to its limit");
}

}  // namespace proxprop::fuzz
