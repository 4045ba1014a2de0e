#pragma once

#include "app/commands/command.h"

#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop report`: the report over any run folders.
class ReportCommand : public Command {
 public:
  explicit ReportCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<std::string> folders_;
  std::string out_;
  bool json_ = false;
};

}  // namespace proxprop::app
