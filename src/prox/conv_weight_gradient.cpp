#include "prox/conv_weight_gradient.h"

#include "prox/conv_windows.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Images whose gradient ATen sums in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 8;

// weight[o, c, u] = sum over n, p of g[n, o, p] x~[n, c, p + u - pad]: the outer products of g and the windows.
at::Tensor by_windows(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  const auto windows = window_signal(input, geometry);
  const Pairing pairing{
      extent(grad_output.sizes().slice(2), 1),
      {0, geometry.out_channels / geometry.groups},
      window_runs(windows, geometry)};
  // [groups, O / groups, taps * C]
  const auto sums = correlate(grad_output, windows, geometry.groups, {pairing}).front();
  std::vector<int64_t> shape{geometry.out_channels, windows.channels};
  shape.insert(shape.end(), geometry.kernel_size.begin(), geometry.kernel_size.end());
  return sums.view({geometry.out_channels, -1, windows.channels}).transpose(1, 2).reshape(shape);
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

at::Tensor conv_weight_gradient(const at::Tensor& input, const at::Tensor& grad_output, const ConvGeometry& geometry) {
  return input.is_cpu() ? by_windows(input, grad_output, geometry) : by_partial_sums(input, grad_output, geometry);
}

}  // namespace proxprop
