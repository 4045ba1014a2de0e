#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace proxprop::train {

/// Reads an IDX file (MNIST's format), plain or gzip-compressed: two zero bytes, the element type, the number of
/// dimensions, each dimension as a big-endian 32-bit number, then the elements in row-major order. Only unsigned bytes
/// (type 0x08) are read. Returns a uint8 tensor of the file's dimensions.
/// Throws DataError for a wrong magic number, sizes that overflow or exceed `max_bytes`, missing or trailing bytes.
at::Tensor read_idx(const std::filesystem::path& file, int64_t max_bytes = int64_t{1} << 28);

/// Images: an IDX file of N x H x W as uint8, N x 1 x H x W.
at::Tensor read_idx_images(const std::filesystem::path& file);

/// Labels: an IDX file of N as int64, N, each checked to be in [0, classes).
at::Tensor read_idx_labels(const std::filesystem::path& file, int64_t classes);

}  // namespace proxprop::train
