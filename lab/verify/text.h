#pragma once

#include <sstream>
#include <string>

namespace proxprop::verify {

/// A number in the name of a case: "0.05", "20", "1e+06".
inline std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace proxprop::verify
