#pragma once

#include "train/model.h"
#include "train/observer.h"

#include <proxprop/nn/proximal_layer.h>

#include <torch/nn/modules/container/sequential.h>

#include <deque>
#include <vector>

namespace proxprop::train {

/// How well the proximal layers' directions solve their systems: the relative residual |M V - b| / |b|, computed anew
/// in float64 from what each layer saw, by code that the solvers do not use (train.check_residuals).
class ResidualCheck {
 public:
  /// Watches the proximal layers of the model, whose entries are `layers`.
  ResidualCheck(torch::nn::Sequential model, const std::vector<ModelLayer>& layers);

  /// The model's forward pass, which keeps the layers' inputs and lets autograd keep the gradients of their outputs.
  at::Tensor forward(at::Tensor activation);

  /// After backward of that pass. `step` and `epoch` are left to the caller.
  std::vector<ResidualEvent> residuals();

 private:
  struct Watched {
    std::size_t place;
    std::string name;
    nn::ProximalLayer* layer;
    LayerSpec spec;
    StepSummary summary;
    at::Tensor input, output;
  };
  ResidualEvent residual(const Watched& watched) const;

  torch::nn::Sequential model_;
  std::deque<Watched> watched_;  // addresses must last: the layers' observers have them
};

}  // namespace proxprop::train
