#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace proxprop::test {

/// How a process ended, and what it wrote.
struct Outcome {
  int code = -1;   ///< exit code; -1 when a signal ended it
  int signal = 0;  ///< the signal that ended it
  std::string out;
  std::string err;
};

/// The program under test, running.
class Process {
 public:
  /// `variables` ("NAME=value") are added to the environment; standard streams go to files in `scratch`.
  Process(
      const std::filesystem::path& scratch,
      const std::vector<std::string>& arguments,
      const std::vector<std::string>& variables = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal);
  bool running();
  Outcome wait();

 private:
  void reap(int options);

  std::filesystem::path out_, err_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

std::string read_file(const std::filesystem::path& path);

}  // namespace proxprop::test
