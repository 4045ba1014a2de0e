#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// The patches of a convolution as a strided view of the padded input: [N, groups, C / groups, *kernel, *output]. Any
/// stride, dilation and number of spatial dimensions; no copy beyond the padding.
at::Tensor patches(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

}  // namespace proxprop
