#pragma once
// phi and phi* of a convolution, ordinary or transposed, by ATen.

#include "prox/conv_output.h"

#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <optional>
#include <tuple>
#include <vector>

namespace proxprop {

/// Which of the two convolutions a geometry stands for.
struct ConvKind {
  bool transposed = false;
  std::vector<int64_t> output_padding;  ///< one per spatial dimension; zeros for an ordinary one
};

inline at::Tensor apply_conv(
    const at::Tensor& input,
    at::TensorList theta,
    const Trained& trained,
    const ConvGeometry& geometry,
    const ConvKind& kind,
    at::IntArrayRef output_shape) {
  if (!trained.weight) {
    return bias_output(theta[0], output_shape);
  }
  const auto bias = trained.bias ? std::optional<at::Tensor>(theta[1]) : std::nullopt;
  return at::convolution(
      input, theta[0], bias, geometry.stride, geometry.padding, geometry.dilation, kind.transposed, kind.output_padding,
      geometry.groups);
}

inline std::vector<at::Tensor> adjoint_conv(
    const at::Tensor& input,
    const at::Tensor& z,
    const Trained& trained,
    const ConvGeometry& geometry,
    const ConvKind& kind,
    at::IntArrayRef weight_shape) {
  std::vector<at::Tensor> theta;
  if (trained.weight) {
    const auto weight = at::empty(weight_shape, input.options());
    theta.push_back(std::get<1>(at::convolution_backward(
        z, input, weight, at::OptionalIntArrayRef(), geometry.stride, geometry.padding, geometry.dilation,
        kind.transposed, kind.output_padding, geometry.groups, {false, true, false})));
  }
  if (trained.bias) {
    theta.push_back(bias_adjoint(z));
  }
  return theta;
}

}  // namespace proxprop
