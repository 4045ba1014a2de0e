#pragma once
// What numbers of a configuration have to be: each check throws ConfigError with the key, the condition and the number.

#include "train/errors.h"

#include <cmath>
#include <string_view>
#include <type_traits>

namespace proxprop::train {

/// Finite and more than 0.
inline void check_positive(std::string_view key, double value) {
  require<ConfigError>(std::isfinite(value) && value > 0, key, " must be positive, got ", value);
}

/// Finite and not less than `least`.
template <class Number>
void check_at_least(std::string_view key, Number value, std::type_identity_t<Number> least) {
  require<ConfigError>(
      std::isfinite(static_cast<double>(value)) && value >= least, key, " must be at least ", least, ", got ", value);
}

/// In [0, 1).
inline void check_fraction(std::string_view key, double value) {
  require<ConfigError>(value >= 0 && value < 1, key, " must lie in [0, 1), got ", value);
}

}  // namespace proxprop::train
