#pragma once

#include <stdexcept>

namespace proxprop::train {

/// A record of a run cannot be written or read. The message is one line that names the file and the reason.
class RecordError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is there to be read cannot be, or is not what it should be: torn, edited, of a newer version, of something
/// else.
class RecordReadError : public RecordError {
 public:
  using RecordError::RecordError;
};

}  // namespace proxprop::train
