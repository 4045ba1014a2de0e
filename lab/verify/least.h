#pragma once

#include <cmath>
#include <limits>

namespace proxprop::verify {

/// The least of some numbers, infinity of none. NaN once one of them is: std::min would pass over it.
class Least {
 public:
  /// Whether this is the least now.
  bool add(double value) {
    if (!std::isnan(value) && !(value < least_))
      return false;
    least_ = value;
    return true;
  }
  double value() const { return least_; }

 private:
  double least_ = std::numeric_limits<double>::infinity();
};

}  // namespace proxprop::verify
