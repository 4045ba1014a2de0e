#include "prox/conv_weight_gradient.h"

#include "prox/conv_layout.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Images whose gradient ATen sums in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 8;

// weight[o, c, u] = sum over n, p of g[n, o, p] x~[n, c, p + u - pad]: a correlation at the offsets of the taps.
at::Tensor by_correlation(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  const auto layout = conv_layout(input.sizes().slice(2), geometry);
  std::vector<int64_t> offsets;
  for (int64_t z = 0; z < layout.kernel[0]; ++z) {
    for (int64_t y = 0; y < layout.kernel[1]; ++y) {
      for (int64_t x = 0; x < layout.kernel[2]; ++x) {
        offsets.push_back(
            layout.offset({z * layout.dilation[0], y * layout.dilation[1], x * layout.dilation[2]}));
      }
    }
  }
  const FlatImages gradient{grad_output.contiguous(), layout.output, 0};
  const FlatImages image{input.contiguous(), layout.size, layout.offset(layout.padding)};
  // [taps, groups, O / groups, C / groups]
  const auto sums = correlate_images(layout, gradient, image, offsets, geometry.groups);
  std::vector<int64_t> shape{geometry.out_channels, input.size(1) / geometry.groups};
  shape.insert(shape.end(), geometry.kernel_size.begin(), geometry.kernel_size.end());
  return sums.permute({1, 2, 3, 0}).reshape(shape);
}

at::Tensor by_partial_sums(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  std::vector<int64_t> shape{geometry.out_channels, input.size(1) / geometry.groups};
  shape.insert(shape.end(), geometry.kernel_size.begin(), geometry.kernel_size.end());
  auto sum = at::zeros(shape, input.options().dtype(at::kDouble));
  const auto weight = at::empty(shape, input.options());
  const std::vector<int64_t> no_output_padding(geometry.kernel_size.size(), 0);
  const auto images = input.size(0);
  for (int64_t first = 0; first < images; first += images_per_partial_sum) {
    const auto count = std::min(images_per_partial_sum, images - first);
    sum.add_(std::get<1>(at::convolution_backward(
        grad_output.narrow(0, first, count), input.narrow(0, first, count), weight, at::OptionalIntArrayRef(),
        geometry.stride, geometry.padding, geometry.dilation, /*transposed=*/false, no_output_padding, geometry.groups,
        {false, true, false})));
  }
  return sum;
}

}  // namespace

at::Tensor conv_weight_gradient(
    const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  const bool unit_stride =
      std::all_of(geometry.stride.begin(), geometry.stride.end(), [](int64_t s) { return s == 1; });
  if (input.is_cpu() && unit_stride) {
    return by_correlation(input, grad_output, geometry);
  }
  return by_partial_sums(input, grad_output, geometry);
}

}  // namespace proxprop
