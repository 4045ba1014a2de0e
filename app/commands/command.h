#pragma once

#include <CLI/CLI.hpp>

#include <proxprop/prox/communicator.h>

#include <memory>
#include <string>
#include <vector>

namespace proxprop::app {

/// What every command is told.
struct Session {
  std::vector<std::string> command_line;
  bool quiet = false;    ///< no progress, no notes
  bool verbose = false;  ///< more notes
  /// The ranks that run this program together; null for a process alone.
  std::shared_ptr<Communicator> communicator;
  int64_t local_rank = 0;  ///< among those on this machine

  bool alone() const { return communicator == nullptr || communicator->size() == 1; }
  /// Whether this process writes folders and results: rank 0.
  bool writes() const { return alone() || communicator->rank() == 0; }

  /// A line on standard error, unless quiet.
  void note(const std::string& line) const;
  /// "proxprop: warning: ..." on standard error, quiet or not.
  void warning(const std::string& line) const;
  /// "proxprop: error: ..." on standard error, quiet or not.
  void error(const std::string& line) const;
  /// A line on standard error when verbose.
  void detail(const std::string& line) const;
};

/// A command of the command line. Its constructor declares its flags; run() is called once they are parsed.
class Command {
 public:
  explicit Command(CLI::App* declared) : app(declared) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;  // the declared flags point to members
  Command& operator=(const Command&) = delete;

  /// Returns an ExitCode.
  virtual int run(const Session& session) = 0;

  CLI::App* const app;
};

}  // namespace proxprop::app
