#pragma once

#include <stdexcept>

namespace proxprop::app {

/// What the process tells its caller. Documented in `proxprop --help`; scripts rely on it.
enum ExitCode : int {
  exit_ok = 0,
  exit_failure = 1,              ///< disk full, folder not writable, anything not named below
  exit_usage = 2,                ///< the command line is wrong
  exit_configuration = 3,        ///< a configuration file, an environment variable, a data set or a run folder is
  exit_verification_failed = 4,  ///< a check that was asked for did not hold
  exit_diverged = 5,             ///< loss or parameters became NaN or infinite
  exit_missing_device = 6,       ///< no such device or backend here
  exit_interrupted = 130,        ///< stopped by a signal, after a checkpoint was saved
};

/// The command line is wrong. The message is one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The configuration asks for a device that this machine or this LibTorch does not have.
class MissingDeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace proxprop::app
