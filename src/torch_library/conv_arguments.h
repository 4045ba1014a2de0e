#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop::torch_library {

/// The geometry of a convolution from an operator's arguments; `weight` is [O, C / groups, *kernel].
inline ConvGeometry geometry_of(
    const at::Tensor& weight,
    at::IntArrayRef stride,
    at::IntArrayRef padding,
    at::IntArrayRef dilation,
    int64_t groups) {
  TORCH_CHECK(
      weight.dim() >= 3 && weight.dim() <= 5,
      "proxprop: conv needs a weight [O, C / groups, *kernel] with 1 to 3 "
      "spatial dimensions, got ",
      weight.dim(), " dimensions in all");
  return {weight.size(0), weight.sizes().slice(2).vec(), stride.vec(), padding.vec(), dilation.vec(), groups};
}

}  // namespace proxprop::torch_library
