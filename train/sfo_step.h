#pragma once

#include "train/whole_step.h"

#include "lab/batch/sum_of_functions.h"

namespace proxprop::train {

/// Method `sfo`: the functions of lab/batch/sum_of_functions.h are the batches of the run's first epoch, each the mean
/// cross-entropy of its records times its share of them, and stay those; a step evaluates one of them. An epoch is as
/// many steps as there are functions, not every function once.
class SfoStep final : public WholeStep {
 public:
  SfoStep(const Config& config, torch::nn::Sequential model, int64_t train_records);
  std::optional<at::Tensor> choose_records() override;
  StepOutcome take(const at::Tensor& input, const at::Tensor& labels) override;
  TensorMap state() const override;
  void restore(const TensorMap& state) override;

 private:
  void set_parameters();

  torch::nn::Sequential model_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> functions_;  // the records of each
  int64_t train_records_;
  batch::SumOfFunctions sfo_;
};

}  // namespace proxprop::train
