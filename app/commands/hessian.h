#pragma once

#include "app/commands/command.h"
#include "app/config_flags.h"
#include "app/hessian_output.h"

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop hessian`: largest eigenvalues and spectrum of the first layer's least-squares Hessian, and of the loss.
class HessianCommand : public Command {
 public:
  explicit HessianCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  spectrum::SpectrumOptions options(const Session& session, const std::string& name, uint64_t seed) const;
  void check_flags() const;
  NamedSpectrum first_layer(const train::Config& config, const Session& session) const;
  NamedSpectrum network(const train::Config& config, const Session& session) const;

  ConfigFlags config_flags_;
  std::vector<std::string> matrices_{"first-layer"};
  std::string weights_;
  std::string out_;
  int64_t steps_ = 100;
  int64_t probes_ = 4;
  bool no_bias_ = false;
  bool force_ = false;
  bool json_ = false;
};

}  // namespace proxprop::app
