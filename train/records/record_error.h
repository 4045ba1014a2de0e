#pragma once

#include <stdexcept>

namespace proxprop::train {

/// A record of a run cannot be written or read. The message is one line that names the file and the reason.
class RecordError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace proxprop::train
