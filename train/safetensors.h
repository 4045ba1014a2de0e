#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace proxprop::train {

/// Tensors by name.
using TensorMap = std::map<std::string, at::Tensor>;

/// What a safetensors file holds.
struct Safetensors {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;  ///< the header's "__metadata__"
};

/// The bytes of a safetensors file: length of the header (8 bytes, little-endian), header (JSON: dtype, shape and
/// data_offsets by name), data. Tensors may lie on any device and in any layout. Wider types come first, so that every
/// tensor is aligned. Throws CheckpointError for a dtype that the format does not know and for a name that is not
/// UTF-8.
std::string to_safetensors(const Safetensors& content);

/// The inverse; tensors are on the CPU, contiguous, and own their memory. Nothing in `bytes` is trusted: sizes,
/// offsets, shapes and types are checked before anything is allocated. Throws CheckpointError that begins with
/// `origin`.
Safetensors parse_safetensors(std::string_view bytes, const std::string& origin);

/// Writes the file atomically. Throws RecordError.
void save_safetensors(const std::filesystem::path& path, const Safetensors& content);

/// Throws RecordError when the file cannot be read, CheckpointError when its content is not valid.
Safetensors load_safetensors(const std::filesystem::path& path);

}  // namespace proxprop::train
