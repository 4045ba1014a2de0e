#include "train/data/idx.h"

#include "train/data/data_error.h"
#include "train/data/file.h"
#include "train/data/gzip.h"
#include "train/data/hex.h"
#include "train/data/labels.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace proxprop::train {
namespace {

constexpr size_t kMagicBytes = 4;
constexpr uint8_t kUnsignedByte = 0x08;
constexpr int64_t kMostDimensions = 8;
constexpr int64_t kGzipOverhead = int64_t{1} << 20;  // incompressible data grow a little

std::string shape_text(const std::vector<int64_t>& sizes) {
  std::string text;
  for (const int64_t size : sizes) {
    if (!text.empty()) {
      text += 'x';
    }
    text += std::to_string(size);
  }
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& expected, const std::string& found) {
  throw DataError(
      name + ": expected " + expected + ", found " + found +
      "; the file is not the IDX file it should be, fetch the data set again");
}

/// The dimensions after the magic number, which must multiply to at most `max_bytes`.
std::vector<int64_t> read_sizes(std::span<const uint8_t> bytes, int64_t max_bytes, const std::string& name) {
  if (bytes.size() < kMagicBytes) {
    refuse(name, "an IDX header of at least 4 bytes", std::to_string(bytes.size()) + " bytes");
  }
  const int64_t dimensions = bytes[3];
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != kUnsignedByte || dimensions < 1 || dimensions > kMostDimensions) {
    refuse(
        name, "an IDX magic number 0x000008NN of unsigned bytes with 1 to 8 dimensions",
        "0x" + to_hex(bytes.first(kMagicBytes)));
  }
  const size_t header_bytes = kMagicBytes + 4 * static_cast<size_t>(dimensions);
  if (bytes.size() < header_bytes) {
    refuse(
        name, "an IDX header of " + std::to_string(header_bytes) + " bytes",
        std::to_string(bytes.size()) + " bytes (truncated)");
  }
  std::vector<int64_t> sizes;
  for (size_t at = kMagicBytes; at < header_bytes; at += 4) {
    sizes.push_back(
        int64_t{bytes[at]} << 24 | int64_t{bytes[at + 1]} << 16 | int64_t{bytes[at + 2]} << 8 | bytes[at + 3]);
  }
  int64_t elements = 1;  // with empty dimensions counted as 1, as strides are
  for (const int64_t size : sizes) {
    if (size > max_bytes / elements) {  // so that the product never overflows
      refuse(name, "at most " + std::to_string(max_bytes) + " elements", "the sizes " + shape_text(sizes));
    }
    elements *= std::max<int64_t>(size, 1);
  }
  return sizes;
}

}  // namespace

at::Tensor read_idx(const std::filesystem::path& file, int64_t max_bytes) {
  const std::string name = file.string();
  std::vector<uint8_t> bytes = read_file(file, max_bytes + kGzipOverhead);
  if (is_gzip(bytes)) {
    bytes = gunzip(bytes, max_bytes + kGzipOverhead, name);
  }
  const std::vector<int64_t> sizes = read_sizes(bytes, max_bytes, name);
  at::Tensor elements = at::empty(sizes, at::kByte);
  const size_t header_bytes = kMagicBytes + 4 * sizes.size();
  const size_t found = bytes.size() - header_bytes;
  const auto expected = static_cast<size_t>(elements.numel());
  if (found != expected) {
    refuse(
        name, std::to_string(expected) + " bytes after the header for the sizes " + shape_text(sizes),
        std::to_string(found) + (found < expected ? " (truncated)" : " (trailing bytes)"));
  }
  std::copy_n(bytes.data() + header_bytes, expected, elements.data_ptr<uint8_t>());
  return elements;
}

at::Tensor read_idx_images(const std::filesystem::path& file) {
  const at::Tensor elements = read_idx(file);
  if (elements.dim() != 3) {
    refuse(file.string(), "3 dimensions (images, rows, columns)", std::to_string(elements.dim()));
  }
  return elements.unsqueeze(1);
}

at::Tensor read_idx_labels(const std::filesystem::path& file, int64_t classes) {
  const at::Tensor elements = read_idx(file);
  if (elements.dim() != 1) {
    refuse(file.string(), "1 dimension (labels)", std::to_string(elements.dim()));
  }
  return checked_labels(elements, classes, file.string());
}

}  // namespace proxprop::train
