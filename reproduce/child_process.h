#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace proxprop::reproduce {

/// Another process, whose output is appended to a file. It has a process group of its own, so that Ctrl-C in a terminal
/// reaches only its parent, which passes it on once; and it gets SIGTERM when the parent dies.
class ChildProcess {
 public:
  /// `command` is the program and its arguments. Throws std::system_error.
  ChildProcess(
      const std::vector<std::string>& command,
      const std::vector<std::string>& environment,
      const std::filesystem::path& log);
  /// Waits for the process after telling it to stop.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// SIGTERM; at once only the first time, because a second signal would end `proxprop train` without saving.
  void terminate();

  /// The exit code, or 128 + the signal that ended it; nothing while it runs.
  std::optional<int> exit_code();

 private:
  pid_t pid_ = -1;
  bool told_ = false;
  std::optional<int> code_;
};

}  // namespace proxprop::reproduce
