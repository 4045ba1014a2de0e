#include "prox/conv_gradient.h"

#include "prox/conv_geometry.h"
#include "prox/conv_windows.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Images whose gradient ATen sums in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 8;

// weight[o, c, u] = sum over n, p of g[n, o, p] x~[n, c, p + u - pad]: the outer products of g and the windows.
ConvGradient by_windows(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  const auto windows = window_signal(input, geometry);
  const Pairing pairing{
      extent(grad_output.sizes().slice(2), 1),
      {0, geometry.out_channels / geometry.groups},
      window_runs(windows, geometry)};
  // [groups, O / groups, taps * C]
  const auto result = correlate_with_totals(grad_output, windows, geometry.groups, pairing);
  return {
      result.sums.view({geometry.out_channels, -1, windows.channels})
          .transpose(1, 2)
          .reshape(weight_shape(geometry, windows.channels)),
      result.totals.view({geometry.out_channels})};
}

ConvGradient by_partial_sums(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  const auto shape = weight_shape(geometry, input.size(1) / geometry.groups);
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
  return {sum, conv_bias_gradient(grad_output)};
}

}  // namespace

at::Tensor conv_bias_gradient(const at::Tensor& grad_output) {
  // ATen sums the positions of one image pairwise; the images are summed in float64.
  return grad_output.flatten(2).sum(2).sum({0}, /*keepdim=*/false, at::kDouble);
}

ConvGradient conv_gradient(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  return input.is_cpu() ? by_windows(input, grad_output, geometry) : by_partial_sums(input, grad_output, geometry);
}

}  // namespace proxprop
