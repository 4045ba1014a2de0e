#pragma once

#include "app/commands/command.h"

#include <string>

namespace proxprop::app {

/// `proxprop data list | fetch NAME | path NAME`.
class DataCommand : public Command {
 public:
  explicit DataCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  int list() const;
  int fetch(const Session& session) const;
  int path() const;

  CLI::App* list_ = nullptr;
  CLI::App* fetch_ = nullptr;
  CLI::App* path_ = nullptr;
  std::string name_;
  std::string dir_;
  bool json_ = false;
};

}  // namespace proxprop::app
