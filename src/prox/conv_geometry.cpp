#include "prox/conv_geometry.h"

#include <ATen/core/Tensor.h>

namespace proxprop {

void check_convolution(const at::Tensor& input, const ConvGeometry& geometry, Trained trained) {
  const auto dims = int64_t(geometry.kernel_size.size());
  TORCH_CHECK(dims >= 1 && dims <= 3, "proxprop: convolutions have 1 to 3 spatial dimensions, got ", dims);
  for (const auto* sizes : {&geometry.stride, &geometry.padding, &geometry.dilation}) {
    TORCH_CHECK(
        int64_t(sizes->size()) == dims, "proxprop: stride, padding and dilation need ", dims, " values each, got ",
        at::IntArrayRef(*sizes));
  }
  for (int64_t i = 0; i < dims; ++i) {
    TORCH_CHECK(
        geometry.kernel_size[i] > 0 && geometry.stride[i] > 0 && geometry.dilation[i] > 0 && geometry.padding[i] >= 0,
        "proxprop: kernel size, stride and dilation must be positive and padding not negative, got kernel size ",
        at::IntArrayRef(geometry.kernel_size), ", stride ", at::IntArrayRef(geometry.stride), ", dilation ",
        at::IntArrayRef(geometry.dilation), ", padding ", at::IntArrayRef(geometry.padding));
  }
  TORCH_CHECK(geometry.out_channels > 0, "proxprop: a convolution needs output channels, got ", geometry.out_channels);
  TORCH_CHECK(
      input.dim() == dims + 2, "proxprop: a convolution over ", dims,
      " dimensions needs an input [N, C, *], got shape ", input.sizes());
  TORCH_CHECK(
      geometry.groups >= 1 && input.size(1) % geometry.groups == 0 && geometry.out_channels % geometry.groups == 0,
      "proxprop: input channels (", input.size(1), ") and output channels (", geometry.out_channels,
      ") must be divisible by groups (", geometry.groups, ")");
  TORCH_CHECK(trained.weight || trained.bias, "proxprop: neither weight nor bias is trained");
}

}  // namespace proxprop
