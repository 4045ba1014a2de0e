#pragma once

#include <cstdint>
#include <string_view>

namespace proxprop::train {

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `bytes`.
uint32_t crc32c(std::string_view bytes);

/// The form in which the TFRecord framing stores it: rotated right by 15 bits, plus a constant.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace proxprop::train
