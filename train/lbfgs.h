#pragma once

#include "lab/batch/lbfgs.h"

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <vector>

namespace proxprop::train {

struct LbfgsOptions : torch::optim::OptimizerCloneableOptions<LbfgsOptions> {
  double lr = 1;  ///< first trial of the line searches
  int64_t history_size = 20;
  int64_t max_iter = 20;

  double get_lr() const override { return lr; }
  void set_lr(double value) override { lr = value; }
};

/// Of all parameters together, kept under the first of them: vectors in float64.
struct LbfgsParamState : torch::optim::OptimizerCloneableParamState<LbfgsParamState> {
  batch::LbfgsHistory history;
};

/// L-BFGS with strong Wolfe line searches (lab/batch/lbfgs.h); a step() is up to max_iter iterations. The closure must
/// be one function of the parameters: the same records every time.
class Lbfgs final : public torch::optim::Optimizer {
 public:
  Lbfgs(std::vector<at::Tensor> parameters, const LbfgsOptions& options);

  /// The closure is needed; returns its value before the step.
  at::Tensor step(LossClosure closure) override;
};

}  // namespace proxprop::train
