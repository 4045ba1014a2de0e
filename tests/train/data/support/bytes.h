#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train::testing {

using Bytes = std::vector<uint8_t>;

/// Writes a file; the folders above it are made.
void write_bytes(const std::filesystem::path& file, const Bytes& bytes);
void write_text(const std::filesystem::path& file, const std::string& text);
Bytes read_bytes(const std::filesystem::path& file);

/// `count` bytes that look random and are the same for the same seed.
Bytes noise_bytes(size_t count, uint64_t seed);

/// One gzip member.
Bytes gzip_bytes(const Bytes& bytes);

/// An IDX file of unsigned bytes.
Bytes idx_bytes(const std::vector<uint32_t>& sizes, const Bytes& elements);

/// CIFAR records: each the given label bytes and 3,072 pixels, all of the value of the record's position.
Bytes cifar_bytes(const std::vector<Bytes>& labels);

}  // namespace proxprop::train::testing
