#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// The weight gradient of a convolution, float64, [O, C / groups, *kernel], accumulated so that its error does not grow
/// with the number of positions: relative error about 1e-8 in float32 where ATen's one call has 1e-6 to 4e-6.
at::Tensor conv_weight_gradient(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry);

}  // namespace proxprop
