#pragma once

#include "train/rules/direction_rule.h"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <memory>
#include <utility>

namespace proxprop::train {

/// A layer of torch.nn whose `.grad` after a backward pass is what its rule says. The gradient of its input is the
/// ordinary one, with the current parameters. One use per backward pass; one rank.
class DirectedLayer {
 public:
  /// The layer's map for an input, in the parameters named.
  using MakeTransfer = std::function<std::unique_ptr<LinearTransfer>(const at::Tensor& input, Trained trained)>;

  DirectedLayer(std::unique_ptr<DirectionRule> rule, bool has_bias, MakeTransfer make_transfer)
      : rule_(std::move(rule)), trained_{true, has_bias}, make_transfer_(std::move(make_transfer)) {}
  virtual ~DirectedLayer() = default;

  DirectionRule& rule() const { return *rule_; }
  /// For an input of these sizes; nothing is computed.
  RulePlan plan(const at::Tensor& input) const { return rule_->plan(*make_transfer_(input, trained_)); }

 protected:
  /// `z`, the output by detached parameters, as a use of weight and bias (which may be undefined) with the rule's
  /// backward.
  at::Tensor direct(const at::Tensor& z, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias);

 private:
  std::shared_ptr<DirectionRule> rule_;
  Trained trained_;
  MakeTransfer make_transfer_;
};

/// torch::nn::Linear. Input [N, in_features].
class DirectedLinearImpl : public torch::nn::LinearImpl, public DirectedLayer {
 public:
  DirectedLinearImpl(const torch::nn::LinearOptions& sizes, std::unique_ptr<DirectionRule> rule);
  at::Tensor forward(const at::Tensor& input);
};
TORCH_MODULE(DirectedLinear);

/// torch::nn::Conv2d with zero padding. Input [N, C, H, W].
class DirectedConv2dImpl : public torch::nn::Conv2dImpl, public DirectedLayer {
 public:
  DirectedConv2dImpl(const torch::nn::Conv2dOptions& sizes, std::unique_ptr<DirectionRule> rule);
  at::Tensor forward(const at::Tensor& input);

 private:
  ConvGeometry geometry_;
};
TORCH_MODULE(DirectedConv2d);

/// torch::nn::ConvTranspose2d. Input [N, C, H, W].
class DirectedConvTranspose2dImpl : public torch::nn::ConvTranspose2dImpl, public DirectedLayer {
 public:
  DirectedConvTranspose2dImpl(const torch::nn::ConvTranspose2dOptions& sizes, std::unique_ptr<DirectionRule> rule);
  at::Tensor forward(const at::Tensor& input);

 private:
  ConvTransposeGeometry geometry_;
};
TORCH_MODULE(DirectedConvTranspose2d);

}  // namespace proxprop::train
