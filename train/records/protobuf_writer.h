#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace proxprop::train {

// The little of the protocol-buffer wire format that event files need: a message is the concatenation of its fields,
// each a key (field number and wire type) and a value. A nested message is a bytes field.

/// Builds one message: `ProtobufWriter().varint(2, step).bytes(3, "text").str()`.
class ProtobufWriter {
 public:
  ProtobufWriter& varint(uint32_t field, uint64_t value) {
    put_varint(uint64_t{field} << 3 | 0);
    put_varint(value);
    return *this;
  }
  ProtobufWriter& float64(uint32_t field, double value) { return fixed(field, 1, std::bit_cast<uint64_t>(value)); }
  ProtobufWriter& float32(uint32_t field, float value) { return fixed(field, 5, std::bit_cast<uint32_t>(value)); }
  ProtobufWriter& bytes(uint32_t field, std::string_view value) {
    put_varint(uint64_t{field} << 3 | 2);
    put_varint(value.size());
    message_ += value;
    return *this;
  }
  const std::string& str() const { return message_; }

 private:
  void put_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      message_ += static_cast<char>(value | 0x80);
    message_ += static_cast<char>(value);
  }
  template <class Bits>
  ProtobufWriter& fixed(uint32_t field, uint32_t wire_type, Bits bits) {
    put_varint(uint64_t{field} << 3 | wire_type);
    for (size_t byte = 0; byte < sizeof(Bits); ++byte)
      message_ += static_cast<char>(bits >> (8 * byte) & 0xFF);
    return *this;
  }

  std::string message_;
};

}  // namespace proxprop::train
