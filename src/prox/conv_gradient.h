#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// The gradient with respect to the parameters of a convolution, float64.
struct ConvGradient {
  at::Tensor weight;  ///< [O, C / groups, *kernel]
  at::Tensor bias;    ///< [O]
};

/// On the CPU accumulated so that its error does not grow with the number of positions: relative error about 1e-8 in
/// float32 where ATen's one call has 1e-6 to 4e-6. On other devices ATen sums a few images at a time.
ConvGradient conv_gradient(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry);

/// The bias part alone, [O] float64, any device.
at::Tensor conv_bias_gradient(const at::Tensor& grad_output);

}  // namespace proxprop
