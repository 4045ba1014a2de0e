#pragma once

#include "app/commands/command.h"
#include "app/config_flags.h"

#include <string>

namespace proxprop::app {

/// `proxprop train`: one run into one folder.
class TrainCommand : public Command {
 public:
  explicit TrainCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  train::Config resolve() const;

  ConfigFlags config_flags_;
  std::string out_;
  bool resume_ = false;
  bool force_ = false;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace proxprop::app
