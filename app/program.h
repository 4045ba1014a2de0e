#pragma once

#include <proxprop/prox/communicator.h>

#include <cstdint>
#include <memory>

namespace proxprop::app {

/// The processes that run the program together.
struct Ranks {
  std::shared_ptr<Communicator> communicator;  ///< null: this process alone
  int64_t local_rank = 0;                      ///< among those on this machine
};

/// The command line: parses, calls a command, turns what went wrong into one line and an exit code.
int run_program(int argc, char** argv, const Ranks& ranks);

}  // namespace proxprop::app
