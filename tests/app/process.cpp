#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace proxprop::test {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

Process::Process(
    const std::filesystem::path& scratch,
    const std::vector<std::string>& arguments,
    const std::vector<std::string>& variables) {
  static int count = 0;
  const std::string number = std::to_string(count++);
  out_ = scratch / (number + ".out");
  err_ = scratch / (number + ".err");

  // Everything is prepared before the fork; the child only makes system calls.
  std::vector<char*> argv = {const_cast<char*>(PROXPROP_PROGRAM)};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    environment.push_back(*variable);
  for (const std::string& variable : variables)
    environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ < 0)
    throw std::runtime_error("fork failed");
  if (pid_ > 0)
    return;
  const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err = ::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::execve(PROXPROP_PROGRAM, argv.data(), environment.data());
  ::_exit(127);
}

Process::~Process() {
  if (ended_)
    return;
  ::kill(pid_, SIGKILL);
  reap(0);
}

void Process::send(int signal) {
  ::kill(pid_, signal);
}

void Process::reap(int options) {
  while (!ended_) {
    const pid_t done = ::waitpid(pid_, &status_, options);
    if (done == pid_)
      ended_ = true;
    if (done == 0 || (done < 0 && errno != EINTR))
      return;
  }
}

bool Process::running() {
  reap(WNOHANG);
  return !ended_;
}

Outcome Process::wait() {
  reap(0);
  Outcome outcome;
  if (WIFEXITED(status_))
    outcome.code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_))
    outcome.signal = WTERMSIG(status_);
  outcome.out = read_file(out_);
  outcome.err = read_file(err_);
  return outcome;
}

}  // namespace proxprop::test
