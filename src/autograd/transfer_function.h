#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>
#include <torch/custom_class.h>

#include <memory>
#include <vector>

namespace proxprop::autograd {

/// Which parameters of a layer require a gradient, in the layer's order.
using TrainedMask = std::vector<bool>;

/// A layer's transfer phi(theta, a) as autograd needs it. Stateless: options, no tensors.
class PROXPROP_API TransferFunction : public torch::CustomClassHolder {
 public:
  /// z = phi(theta, a); frozen parameters and constants included.
  virtual at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const = 0;
  /// dJ/da with the current parameters.
  virtual at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor& input, at::TensorList parameters) const = 0;
  /// The linear part in the trained parameters alone, for this input. `parameters` give sizes and frozen values.
  virtual std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList parameters, const TrainedMask& trained) const = 0;
};

using TransferFunctionPtr = c10::intrusive_ptr<TransferFunction>;

/// z = a W^T + b; parameters {weight} or {weight, bias}.
PROXPROP_API TransferFunctionPtr linear_function();
/// Convolution with zero padding; parameters {weight} or {weight, bias}.
PROXPROP_API TransferFunctionPtr conv_function(ConvGeometry geometry);
/// Transposed convolution; parameters {weight} or {weight, bias}.
PROXPROP_API TransferFunctionPtr conv_transpose_function(ConvTransposeGeometry geometry);

}  // namespace proxprop::autograd
