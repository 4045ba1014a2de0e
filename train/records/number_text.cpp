#include "train/records/number_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace proxprop::train {
namespace {

constexpr const char* unknown = "-";

template <class... Format>
std::string chars(double value, Format... format) {
  std::array<char, 512> buffer;  // 1e308 with decimals fits
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format...);
  return std::string(buffer.data(), result.ptr);
}

std::string two_digits(int64_t value) {
  std::string text(value < 10 ? 1 : 0, '0');
  return text += std::to_string(value);
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  if (std::isnan(value))
    return unknown;
  return chars(value, std::chars_format::fixed, decimals);
}

std::string significant_text(double value, int digits) {
  if (std::isnan(value))
    return unknown;
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  const double magnitude = std::abs(value);
  if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6)) {
    return chars(value, std::chars_format::scientific, digits - 1);
  }
  const int before_point = magnitude < 1 && magnitude != 0 ? static_cast<int>(std::floor(std::log10(magnitude))) + 1
                           : magnitude < 1                 ? 1
                                                           : static_cast<int>(std::log10(magnitude)) + 1;
  return fixed_text(value, digits > before_point ? digits - before_point : 0);
}

std::string percent_text(double fraction, int decimals) {
  if (std::isnan(fraction))
    return unknown;
  return fixed_text(100 * fraction, decimals) + " %";
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds))
    return unknown;
  if (seconds < 59.95)
    return fixed_text(seconds, 1) + " s";
  const int64_t whole = std::llround(seconds);
  const std::string tail = two_digits(whole % 60);
  if (whole < 3600)
    return std::to_string(whole / 60) + ":" + tail;
  return std::to_string(whole / 3600) + ":" + two_digits(whole / 60 % 60) + ":" + tail;
}

std::string grouped_text(int64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool after_digit = !text.empty() && text.back() != '-';
    if (after_digit && (digits.size() - i) % 3 == 0)
      text += ',';
    text += digits[i];
  }
  return text;
}

std::string exact_text(double value) {
  return std::isfinite(value) ? chars(value) : std::string();
}

}  // namespace proxprop::train
