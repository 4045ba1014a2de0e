#pragma once

#include <stdexcept>

namespace proxprop::train {

/// A data file is missing, truncated, corrupt or impossible, or cannot be fetched. The message is one line that names
/// the file, what was expected and found where that applies, and what to do.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace proxprop::train
