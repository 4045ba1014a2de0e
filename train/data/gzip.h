#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace proxprop::train {

/// Whether the bytes begin as a gzip file does (RFC 1952).
bool is_gzip(std::span<const uint8_t> bytes);

/// Uncompresses a whole gzip file, of one member or several. `name` is the file's, for messages.
/// Throws DataError when it is truncated, corrupt (CRC and length are checked), followed by other bytes, or when it
/// would unpack to more than `max_bytes`; no more than that is ever held.
std::vector<uint8_t> gunzip(std::span<const uint8_t> compressed, int64_t max_bytes, const std::string& name);

}  // namespace proxprop::train
