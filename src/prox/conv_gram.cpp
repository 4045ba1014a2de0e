#include "prox/conv_gram.h"

#include "prox/conv_geometry.h"
#include "prox/conv_unfold.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace proxprop {

namespace {

// Bytes of patches that are held at a time by the patch route.
constexpr int64_t patch_buffer_bytes = int64_t(64) << 20;
// Images that are summed in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 16;

/// One of the ways to the Gram on the CPU.
struct Way {
  std::optional<LagSums> lags;  ///< unset: by windows
  Work work;
};

// The choice goes by the default rates, whatever rates are in use: the way is a matter of sizes alone, so that a route
// stands for the same rounding errors on every machine.
Way fastest_way(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const Rates rates;
  Way best{std::nullopt, conv_gram_by_windows_work(input, geometry, output_size)};
  if (lags_apply(input, geometry)) {
    for (const auto lag_sums : {LagSums::direct, LagSums::fourier}) {
      const auto work = conv_gram_by_lags_work(input, geometry, lag_sums);
      if (rates.of(work) < rates.of(best.work)) {
        best = {lag_sums, work};
      }
    }
  }
  return best;
}

// Images whose patches are made at a time.
int64_t images_of_chunk(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto per_image = std::max<int64_t>(
      1, input.size(1) * c10::multiply_integers(geometry.kernel_size) * c10::multiply_integers(output_size) *
             int64_t(sizeof(double)));
  return std::clamp<int64_t>(patch_buffer_bytes / per_image, 1, std::max<int64_t>(1, input.size(0)));
}

// Along one dimension: for every pair of taps u k + v the first that multiplies the same pixels, those whose sum is
// over q and q + lag with both inside the image, for q from the first to the last.
std::vector<int64_t> repeats_along(const ConvGeometry& geometry, size_t dimension, int64_t input, int64_t output) {
  const auto taps = geometry.kernel_size[dimension], stride = geometry.stride[dimension];
  std::map<std::array<int64_t, 3>, int64_t> first;
  std::vector<int64_t> repeats;
  for (int64_t u = 0; u < taps; ++u) {
    for (int64_t v = 0; v < taps; ++v) {
      const auto low = std::min(u, v) * geometry.dilation[dimension] - geometry.padding[dimension];
      const auto high = std::max(u, v) * geometry.dilation[dimension] - geometry.padding[dimension];
      const auto begin = low >= 0 ? 0 : (-low + stride - 1) / stride;  // of the positions that see both
      const auto end = high >= input ? 0 : std::min(output, (input - high - 1) / stride + 1);
      const auto count = std::max<int64_t>(0, end - begin);
      const std::array<int64_t, 3> pixels{v - u, count, count > 0 ? begin * stride + low : 0};
      repeats.push_back(first.emplace(pixels, u * taps + v).first->second);
    }
  }
  return repeats;
}

}  // namespace

std::vector<int64_t> gram_repeats(
    const ConvGeometry& geometry, at::IntArrayRef input_size, at::IntArrayRef output_size) {
  int64_t taps = 1;
  std::vector<int64_t> repeats{0};
  for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
    const auto along = repeats_along(geometry, i, input_size[i], output_size[i]);
    const auto inner = geometry.kernel_size[i], all = taps * inner;
    std::vector<int64_t> joined(size_t(all * all));
    for (int64_t u = 0; u < all; ++u) {
      for (int64_t v = 0; v < all; ++v) {
        const auto outer = repeats[size_t(u / inner * taps + v / inner)];
        const auto own = along[size_t(u % inner * inner + v % inner)];
        joined[size_t(u * all + v)] = (outer / taps * inner + own / inner) * all + outer % taps * inner + own % inner;
      }
    }
    repeats = std::move(joined);
    taps = all;
  }
  for (int64_t pair = 0; pair < int64_t(repeats.size()); ++pair) {
    if (repeats[size_t(pair)] != pair) {
      return repeats;
    }
  }
  return {};
}

bool lags_apply(const at::Tensor& input, const ConvGeometry& geometry) {
  return input.is_cpu() && input.dim() <= 4 && has_unit_stride(geometry);
}

void conv_gram_by_patches(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram) {
  const auto groups = geometry.groups, d = gram.size(1);
  const auto positions = c10::multiply_integers(output_size);
  const auto images = input.size(0), chunk = images_of_chunk(input, geometry, output_size);
  gram.zero_();
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
}

void conv_gram(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram) {
  if (!input.is_cpu()) {
    return conv_gram_by_patches(input, geometry, output_size, gram);
  }
  const auto way = fastest_way(input, geometry, output_size);
  return way.lags ? conv_gram_by_lags(input, geometry, *way.lags, gram)
                  : conv_gram_by_windows(input, geometry, output_size, gram);
}

Work conv_gram_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  return fastest_way(input, geometry, output_size).work;
}

double conv_gram_bytes(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  if (!input.is_cpu()) {  // patches in their dtype and in float64, and the Gram of a chunk
    const auto d = double(input.size(1) / geometry.groups * c10::multiply_integers(geometry.kernel_size));
    return 2 * double(patch_buffer_bytes) + 8 * d * d * double(geometry.groups);
  }
  const auto way = fastest_way(input, geometry, output_size);
  return way.lags ? conv_gram_by_lags_bytes(input, geometry, *way.lags) : conv_gram_by_windows_bytes(input, geometry);
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
