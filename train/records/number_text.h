#pragma once

#include <cstdint>
#include <string>

namespace proxprop::train {

// Numbers for people, independent of the locale. NaN gives "-" everywhere: not known.

/// 3.14159, 2 -> "3.14"
std::string fixed_text(double value, int decimals);

/// `digits` significant digits: 0.00123456, 4 -> "0.001235"; plain notation between 1e-4 and 1e6.
std::string significant_text(double value, int digits);

/// A fraction of one as percent: 0.9712 -> "97.12 %"
std::string percent_text(double fraction, int decimals = 2);

/// Seconds as a duration: 4.21 -> "4.2 s", 83 -> "1:23", 3700 -> "1:01:40"
std::string duration_text(double seconds);

/// 12345 -> "12,345"
std::string grouped_text(int64_t value);

/// The shortest text that reads back as the same number; empty for NaN and infinity.
std::string exact_text(double value);

}  // namespace proxprop::train
