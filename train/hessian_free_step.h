#pragma once

#include "train/whole_step.h"

#include "lab/batch/hessian_free.h"

namespace proxprop::train {

/// Method `hessian_free`: a step of lab/batch/hessian_free.h on the mean cross-entropy. The first hf_curvature_batch of
/// the step's records, which are shuffled, make the Gauss-Newton products; they are held in memory as autograd records
/// them. Losses and gradients go by passes of train.batch_size records.
class HessianFreeStep final : public WholeStep {
 public:
  HessianFreeStep(const Config& config, torch::nn::Sequential model);
  StepOutcome take(const at::Tensor& input, const at::Tensor& labels) override;
  TensorMap state() const override;
  void restore(const TensorMap& state) override;

 private:
  torch::nn::Sequential model_;
  std::vector<at::Tensor> parameters_;
  int64_t curvature_batch_;
  int64_t chunk_;
  batch::HessianFreeOptions options_;
  batch::HessianFreeState state_;
};

}  // namespace proxprop::train
