#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::train {

/// A backward pass through one layer, as the rule for its direction sees it.
struct LayerPass {
  int64_t records = 0;                 ///< N, the batch
  at::Tensor grad_output;              ///< g = dJ/dz, in the layer's output shape
  std::vector<at::Tensor> parameters;  ///< {weight} or {weight, bias}, as they are now
  /// phi(theta, a) for this pass's input, linear in the parameters named.
  std::function<std::unique_ptr<LinearTransfer>(Trained)> transfer;

  /// Which parameters the layer has.
  Trained all() const { return {true, parameters.size() > 1}; }
};

/// How the layer's step is found, for the plan of a run.
struct RulePlan {
  std::string solver;
  std::string route;
  std::string reason;
};

/// What the optimizer is handed in place of the gradient of one layer's parameters, by a method that needs no more than
/// the layer's map and g. One object per layer; what it keeps from step to step is its state.
class DirectionRule {
 public:
  virtual ~DirectionRule() = default;

  /// One tensor per parameter of the pass; none where this pass is not to end in a step.
  virtual std::vector<at::Tensor> direction(const LayerPass& pass) = 0;

  /// What a checkpoint has to hold for the next steps to be the same bit for bit. Empty for rules without a state, and
  /// before the first step.
  virtual std::vector<at::Tensor> state() const { return {}; }
  /// Takes what `state` gave, on the device of the layer. Throws CheckpointError for anything else.
  virtual void restore(const std::vector<at::Tensor>& state);

  virtual RulePlan plan(const LinearTransfer& transfer) const = 0;
};

}  // namespace proxprop::train
