#pragma once

#include "app/commands/command.h"

namespace proxprop::app {

/// `proxprop bench`: paired measurements against plain backpropagation.
class BenchCommand final : public Command {
 public:
  explicit BenchCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<std::string> suites_;
  std::string json_;
  std::string against_;
  std::string filter_;
  double tolerance_ = 0.1;
  int rounds_ = 30;
  double seconds_ = 30;
  int threads_ = 0;
  bool no_memory_ = false;
  bool calibrate_ = false;
};

}  // namespace proxprop::app
