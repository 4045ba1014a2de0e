#include "prox/conv_gram.h"

#include "prox/conv_geometry.h"
#include "prox/conv_unfold.h"
#include "prox/symmetric_gram.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Bytes of patches that are held at a time by the patch route.
constexpr int64_t patch_buffer_bytes = int64_t(64) << 20;
// Images that are summed in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 16;

LagSums faster_lag_sums(const at::Tensor& input, const ConvGeometry& geometry) {
  const bool fourier = conv_gram_by_lags_flops(input, geometry, LagSums::fourier) <
                       conv_gram_by_lags_flops(input, geometry, LagSums::direct);
  return fourier ? LagSums::fourier : LagSums::direct;
}

double least_lags_flops(const at::Tensor& input, const ConvGeometry& geometry) {
  return conv_gram_by_lags_flops(input, geometry, faster_lag_sums(input, geometry));
}

}  // namespace

bool lags_apply(const at::Tensor& input, const ConvGeometry& geometry) {
  return input.is_cpu() && input.dim() <= 4 && has_unit_stride(geometry);
}

at::Tensor conv_gram_by_patches(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto groups = geometry.groups;
  const auto d = input.size(1) / groups * c10::multiply_integers(geometry.kernel_size);
  const auto positions = c10::multiply_integers(output_size);
  const auto images = input.size(0);
  const auto per_image = std::max<int64_t>(1, groups * d * positions * int64_t(sizeof(double)));
  const auto chunk = std::clamp<int64_t>(patch_buffer_bytes / per_image, 1, std::max<int64_t>(1, images));
  auto gram =
      input.is_cpu() ? zero_scratch({groups, d, d}) : at::zeros({groups, d, d}, input.options().dtype(at::kDouble));
  for (int64_t first = 0; first < images; first += chunk) {
    const auto count = std::min(chunk, images - first);
    const auto view = patches(input.narrow(0, first, count), geometry, output_size);
    // [n, groups, C / groups, *kernel, *output] -> [groups, C / groups * kernel, n * output]
    std::vector<int64_t> order{1};
    for (int64_t i = 2; i < 3 + int64_t(geometry.kernel_size.size()); ++i) {
      order.push_back(i);
    }
    order.push_back(0);
    for (int64_t i = int64_t(order.size()); i < view.dim(); ++i) {
      order.push_back(i);
    }
    gram.add_(symmetric_gram(view.permute(order).reshape({groups, d, count * positions})));
  }
  return gram;
}

at::Tensor conv_gram(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  if (!input.is_cpu()) {
    return conv_gram_by_patches(input, geometry, output_size);
  }
  const bool by_lags = lags_apply(input, geometry) &&
                       least_lags_flops(input, geometry) < conv_gram_by_windows_flops(input, geometry, output_size);
  return by_lags ? conv_gram_by_lags(input, geometry, faster_lag_sums(input, geometry))
                 : conv_gram_by_windows(input, geometry, output_size);
}

double conv_gram_flops(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto by_windows = conv_gram_by_windows_flops(input, geometry, output_size);
  return lags_apply(input, geometry) ? std::min(by_windows, least_lags_flops(input, geometry)) : by_windows;
}

at::Tensor patch_sums(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  // The sum over images comes first: what is left is one image. Few images are summed in the working dtype.
  auto image = at::zeros(input.sizes().slice(1), input.options().dtype(at::kDouble)).unsqueeze(0);
  for (int64_t first = 0; first < input.size(0); first += images_per_partial_sum) {
    const auto count = std::min(images_per_partial_sum, input.size(0) - first);
    image.add_(input.narrow(0, first, count).sum({0}, /*keepdim=*/true));
  }
  const auto view = patches(image, geometry, output_size);
  std::vector<int64_t> output_dims;
  for (auto i = view.dim() - int64_t(output_size.size()); i < view.dim(); ++i) {
    output_dims.push_back(i);
  }
  return view.sum(output_dims).reshape({geometry.groups, -1});
}

}  // namespace proxprop
