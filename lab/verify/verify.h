#pragma once

#include "lab/verify/checks.h"

#include <functional>
#include <string>
#include <vector>

namespace proxprop::verify {

/// A statement of the paper and its check.
struct Proposition {
  std::string name;  ///< "1" to "5", "stochastic", "stability"
  std::string statement;
  std::function<std::vector<Row>(const Problem&)> check;
};

/// All of them, checked on the library as it is.
const std::vector<Proposition>& propositions();

}  // namespace proxprop::verify
