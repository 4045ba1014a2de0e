#pragma once

#include "train/whole_step.h"

#include "lab/batch/admm.h"

#include <string>

namespace proxprop::train {

/// Method `admm`: a step is one iteration of lab/batch/admm.h over all training records.
class AdmmStep final : public WholeStep {
 public:
  AdmmStep(const Config& config, torch::nn::Sequential model);
  StepOutcome take(const at::Tensor& input, const at::Tensor& labels) override;
  TensorMap state() const override;
  void restore(const TensorMap& state) override;

 private:
  batch::Admm admm_;
  at::TensorOptions options_;  // of the parameters
  std::string loss_;
  batch::AdmmStart start_;
  int64_t warm_up_;
  int64_t iterations_ = 0;
};

}  // namespace proxprop::train
