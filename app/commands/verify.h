#pragma once

#include "app/commands/command.h"

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop verify`: the paper's propositions, both sides of every equality and inequality as numbers.
class VerifyCommand : public Command {
 public:
  explicit VerifyCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<std::string> chosen_;
  uint64_t seed_ = 0;
  bool json_ = false;
};

}  // namespace proxprop::app
