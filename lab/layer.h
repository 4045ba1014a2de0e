#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::lab {

/// A transfer phi(theta, a) with its parameters (paper, eq. 1): linear in theta for a fixed input a. Holds the very
/// tensors of the module that it was made from, so that what an optimizer does to them is seen here.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual std::string name() const = 0;

  /// theta: the parameters that require a gradient; `parameter_transfer` has them in this order. May be empty.
  virtual std::vector<at::Tensor> parameters() const = 0;
  /// phi(theta, a) with the current parameters, constants included. Not recorded by autograd.
  virtual at::Tensor apply(const at::Tensor& a) const = 0;
  /// phi as a function of theta, for this input (paper, appendix B). Only called where there are parameters.
  virtual std::shared_ptr<const LinearTransfer> parameter_transfer(const at::Tensor& a) const = 0;
  /// phi without its constants as a function of the input, for the current theta: its one parameter has as many entries
  /// as `a`, in the same order. nullptr where phi is not affine in a; then a has no implicit step.
  virtual std::shared_ptr<const LinearTransfer> input_transfer(const at::Tensor& a) const = 0;
  /// The adjoint of the derivative with respect to the input, at `a`: dJ/da when `z` is dJ/dz. In a's shape.
  virtual at::Tensor input_adjoint(const at::Tensor& a, const at::Tensor& z) const = 0;
  /// Which systems conjugate gradients solve where the options do not say: the paper's choice for this kind of layer.
  virtual Coupling default_coupling() const = 0;
  /// A copy with parameters of its own, of this dtype.
  virtual std::shared_ptr<Layer> copy(at::ScalarType dtype) const = 0;
};

using LayerPtr = std::shared_ptr<Layer>;

/// z = a W^T + b; a [*, in]. `bias` may be undefined.
LayerPtr linear_layer(const at::Tensor& weight, const at::Tensor& bias = {});

/// A convolution over 1, 2 or 3 dimensions; a [N, C, *]. `bias` may be undefined.
LayerPtr conv_layer(const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry);

/// Any map that is linear in theta, built of differentiable operations; adjoints come from autograd.
using Phi = std::function<at::Tensor(at::TensorList theta, const at::Tensor& a)>;
LayerPtr map_layer(std::vector<at::Tensor> theta, Phi phi);

}  // namespace proxprop::lab
