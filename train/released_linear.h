#pragma once

#include "train/config.h"

#include <torch/nn/modules/linear.h>

#include <string>

namespace proxprop::train {

/// "released-exact" or "released-cg": the methods of train/released_direction.h.
bool is_released(const MethodConfig& method);

/// A linear layer, with torch's parameters and initialisation, whose `.grad` is the released direction after a backward
/// pass. The gradient of its input is the ordinary one. Input [N, in_features].
class ReleasedLinearImpl : public torch::nn::LinearImpl {
 public:
  ReleasedLinearImpl(const torch::nn::LinearOptions& sizes, const MethodConfig& method);
  at::Tensor forward(const at::Tensor& input);
  std::string solver() const;  ///< "released exact", "released cg3"
  std::string route() const;   ///< "feature Gram", "matrix-free"

 private:
  MethodConfig method_;
};
TORCH_MODULE(ReleasedLinear);

}  // namespace proxprop::train
