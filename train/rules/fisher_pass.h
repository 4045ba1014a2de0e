#pragma once

#include "train/rules/kfac_rule.h"

#include <torch/nn/modules/container/sequential.h>

#include <vector>

namespace proxprop::train {

/// The backward pass that K-FAC takes from labels drawn from the model's own distribution p(y | x) = softmax(output):
/// only from those are its factors those of the Fisher matrix.
class FisherPass {
 public:
  /// Over the layers of `model` that follow a KfacRule; with none there is nothing to do.
  explicit FisherPass(torch::nn::Sequential& model);

  /// To be called between forward and backward of the loss. The graph of `output` is kept. Draws from the default
  /// generator of the output's device.
  void run(const at::Tensor& output);
  /// What the last run took, in evaluations of the gradient: two thirds, or nothing.
  double evaluations() const { return evaluations_; }

 private:
  std::vector<KfacRule*> rules_;
  std::vector<at::Tensor> parameters_;
  double evaluations_ = 0;
};

}  // namespace proxprop::train
