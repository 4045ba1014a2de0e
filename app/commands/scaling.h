#pragma once

#include "app/commands/command.h"

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop scaling`: a model of a training step on many ranks.
class ScalingCommand : public Command {
 public:
  explicit ScalingCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::string network_ = "resnet50";
  std::vector<int64_t> ranks_ = {1, 8, 64, 512, 4096};
  int64_t samples_ = 32;
  double flops_ = 1e12, latency_ = 2e-5, bandwidth_ = 1.25e9, memory_ = 64e9;
  bool json_ = false;
};

}  // namespace proxprop::app
