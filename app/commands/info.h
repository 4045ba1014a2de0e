#pragma once

#include "app/commands/command.h"
#include "app/config_flags.h"

namespace proxprop::app {

/// `proxprop info`: versions, devices, data sets, and how the layers of a model would be solved.
class InfoCommand : public Command {
 public:
  explicit InfoCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  ConfigFlags config_flags_;
  bool plan_ = false;
  bool no_measure_ = false;
  bool json_ = false;
};

}  // namespace proxprop::app
