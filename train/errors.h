#pragma once

#include <sstream>
#include <stdexcept>

namespace proxprop::train {

/// The configuration asks for something impossible: unknown name, shapes that do not fit, an unsound combination.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Loss or parameters became NaN or infinite. The message names the step. The last checkpoint is left as it is.
class DivergedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A checkpoint or weight file is torn, corrupt, or of something else. The message is one line that says which and why.
class CheckpointError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws `Error` with the parts of the message joined, unless `condition` holds.
///
///     require<ConfigError>(lr > 0, "optimizer.lr must be positive, got ", lr);
template <class Error, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (condition)
    return;
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace proxprop::train
