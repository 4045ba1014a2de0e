#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace proxprop::train {

/// Bytes as lower-case hexadecimal digits, two each.
inline std::string to_hex(std::span<const uint8_t> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

}  // namespace proxprop::train
