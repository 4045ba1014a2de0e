#pragma once

#include "train/whole_step.h"

#include "lab/batch/auxiliary_coordinates.h"

namespace proxprop::train {

/// Method `mac`: a step is one iteration of lab/batch/auxiliary_coordinates.h over all training records, on the mean
/// cross-entropy: Z, then W, then mu grows.
class MacStep final : public WholeStep {
 public:
  MacStep(const Config& config, torch::nn::Sequential model);
  StepOutcome take(const at::Tensor& input, const at::Tensor& labels) override;
  TensorMap state() const override;
  void restore(const TensorMap& state) override;

 private:
  lab::CrossEntropy loss_;
  batch::AuxiliaryCoordinates coordinates_;
  at::TensorOptions options_;  // of the parameters
  double mu_;
  double growth_;
};

}  // namespace proxprop::train
