#pragma once

#include "lab/activation.h"

#include <torch/nn/modules/container/any.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::lab {

/// One link of the chain between two layers: an elementwise activation, or a map that is always treated explicitly
/// (pooling, flatten, normalisation, dropout).
class Stage {
 public:
  virtual ~Stage() = default;
  /// Recorded by autograd where it is on. May draw random numbers or update buffers.
  virtual at::Tensor forward(const at::Tensor& input) = 0;
  /// The activation, or nullptr.
  virtual const Activation* activation() const { return nullptr; }
  /// Parameters that require a gradient; they take explicit steps.
  virtual std::vector<at::Tensor> parameters() const { return {}; }
  /// True where two calls with one input may differ; then no energy can be told.
  virtual bool random() const { return false; }
  /// A copy with parameters and buffers of its own, of this dtype.
  virtual std::shared_ptr<Stage> copy(at::ScalarType dtype) const = 0;
};

using StagePtr = std::shared_ptr<Stage>;

StagePtr activation_stage(ActivationPtr activation);
/// A pure function without parameters.
StagePtr function_stage(std::function<at::Tensor(const at::Tensor&)> function);
/// A torch module from one tensor to one tensor, by reference.
StagePtr module_stage(torch::nn::AnyModule module);

}  // namespace proxprop::lab
