#pragma once

#include "app/commands/command.h"
#include "lab/verify/verify.h"

#include <string>
#include <vector>

namespace proxprop::app {

/// Checks the propositions and prints their rows, as tables or as one JSON list. exit_ok where all hold, else
/// exit_verification_failed, with a line on standard error for each row that does not.
int verify_propositions(
    const std::vector<verify::Proposition>& propositions,
    const verify::Problem& problem,
    bool json,
    const Session& session);

/// `proxprop verify`: the paper's propositions, both sides of every equality and inequality as numbers.
class VerifyCommand : public Command {
 public:
  explicit VerifyCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<std::string> chosen_;
  std::string seed_ = "0";
  bool json_ = false;
};

}  // namespace proxprop::app
