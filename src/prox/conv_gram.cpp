// The feature Gram of a convolution with stride 1, by lags.
//
// With x~ the input extended by zeros, and u, u' kernel taps (times the dilation),
//
//     G[(c, u), (c', u')] = sum over output positions p of x~[c, p + u - pad] x~[c', p + u' - pad]
//
// would depend on the lag u' - u only, if p ran over all of space: then it is the correlation R[c, c'](u' - u) of the input
// with itself. What is subtracted are the positions p outside the output. Those beyond the low end of one dimension see
// only a strip of m = reach - pad rows of the input, and the positions of the strip are again all of space in the other
// dimension, so
//
//     G = R - (strips at the two ends of dimension y) - (those of x) + (the four corners, subtracted twice),
//
// where a strip is a correlation in one dimension of signals (c, row), and a corner is a plain Gram of pixels (c, row,
// column). The high end is the low end of the flipped input. All sums are float64 (correlation.h), so that the subtraction
// loses nothing that matters.

#include "prox/conv_gram.h"

#include "prox/conv_layout.h"
#include "prox/conv_unfold.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Bytes of patches that are held at a time by the patch route.
constexpr int64_t patch_buffer_bytes = int64_t(64) << 20;
// Images that are summed in the working dtype before float64 takes over.
constexpr int64_t images_per_partial_sum = 16;

// R[dy][dx][group][c][c'] for |dy| <= ky - 1, |dx| <= kx - 1 (in taps), stored with an offset of (ky - 1, kx - 1).
// x is [N, C, H, W].
at::Tensor lag_correlation(
    const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef dilation, int64_t groups) {
  ConvGeometry geometry;
  geometry.kernel_size = kernel.vec();
  geometry.dilation = dilation.vec();
  geometry.padding = {0, 0};
  const auto layout = conv_layout(x.sizes().slice(2), geometry);

  // Half of the lags; the others are transposes.
  std::vector<int64_t> offsets;
  std::vector<std::pair<int64_t, int64_t>> lags;
  for (int64_t dy = 0; dy < kernel[0]; ++dy) {
    for (int64_t dx = dy == 0 ? 0 : 1 - kernel[1]; dx < kernel[1]; ++dx) {
      lags.emplace_back(dy, dx);
      offsets.push_back(layout.offset({0, dy * dilation[0], dx * dilation[1]}));
    }
  }
  const FlatImages images{x, layout.size, 0};
  const auto half = correlate_images(layout, images, images, offsets, groups);

  const auto channels = x.size(1) / groups;
  auto full = at::empty({2 * kernel[0] - 1, 2 * kernel[1] - 1, groups, channels, channels}, half.options());
  for (size_t i = 0; i < lags.size(); ++i) {
    const auto [dy, dx] = lags[i];
    full[kernel[0] - 1 + dy][kernel[1] - 1 + dx].copy_(half[int64_t(i)]);
    full[kernel[0] - 1 - dy][kernel[1] - 1 - dx].copy_(half[int64_t(i)].transpose(-1, -2));
  }
  return full;
}

// Adds up what all outside positions p = -1, -2, .. of a dimension contribute to the pair of taps (u, u'): with
// rows y = u * dilation - pad - j, j >= 1. `pairs` has the two row indices as its first two dimensions; the result has u, u'.
at::Tensor sum_over_outside(const at::Tensor& pairs, int64_t kernel, int64_t dilation, int64_t padding) {
  const auto rows = pairs.size(0);
  auto sizes = pairs.sizes().vec();
  sizes[0] = sizes[1] = kernel;
  auto result = at::zeros(sizes, pairs.options());
  for (int64_t u = 0; u < kernel; ++u) {
    for (int64_t v = 0; v < kernel; ++v) {
      for (int64_t j = 1; j <= rows; ++j) {
        const auto y = u * dilation - padding - j;
        const auto z = v * dilation - padding - j;
        if (y >= 0 && y < rows && z >= 0 && z < rows) {
          result[u][v].add_(pairs[y][z]);
        }
      }
    }
  }
  return result;
}

struct Ends {
  int64_t rows;  ///< of the strip that outside positions see; 0: none
  int64_t kernel, dilation, padding;

  Ends(const ConvGeometry& geometry, int64_t dimension, int64_t size)
      : kernel(geometry.kernel_size[dimension]),
        dilation(geometry.dilation[dimension]),
        padding(geometry.padding[dimension]) {
    const auto reach = (kernel - 1) * dilation;
    rows = std::clamp<int64_t>(reach - padding, 0, size);
  }
};

// The rows at one end of a dimension, the outermost first: the high end is the low end of the flipped input.
at::Tensor end_of(const at::Tensor& x, int64_t dimension, int64_t rows, bool high) {
  return high ? x.narrow(dimension, x.size(dimension) - rows, rows).flip(dimension) : x.narrow(dimension, 0, rows);
}

// Taps count from the other side at the high end.
at::Tensor flip_taps(const at::Tensor& correction, int64_t dimension, bool high) {
  return high ? correction.flip({dimension, dimension + 1}) : correction;
}

// What is missing at one end of y: [ky, ky', 2 kx - 1, groups, C, C], the lag along x stored with an offset of kx - 1.
at::Tensor strip_correction(const at::Tensor& x, const Ends& y, const Ends& along, int64_t groups, bool high) {
  const auto channels = x.size(1) / groups;
  // [N, C, rows, W] -> signals (group, c, row) along W.
  const auto strip =
      end_of(x, 2, y.rows, high).reshape({x.size(0), x.size(1) * y.rows, 1, x.size(3)}).contiguous();
  const auto correlation = lag_correlation(strip, {1, along.kernel}, {1, along.dilation}, groups)[0]
                               .view({2 * along.kernel - 1, groups, channels, y.rows, channels, y.rows})
                               .permute({3, 5, 0, 1, 2, 4});
  return flip_taps(sum_over_outside(correlation, y.kernel, y.dilation, y.padding), 0, high);
}

// What both strips subtract at one corner of y and x: [ky, ky', kx, kx', groups, C, C].
at::Tensor corner_correction(
    const at::Tensor& x, const Ends& y, const Ends& along, int64_t groups, bool high_y, bool high_x) {
  const auto channels = x.size(1) / groups;
  const auto pixels = end_of(end_of(x, 2, y.rows, high_y), 3, along.rows, high_x)
                          .reshape({x.size(0), groups, channels * y.rows * along.rows})
                          .permute({1, 2, 0});
  auto gram = symmetric_gram(pixels)
                  .view({groups, channels, y.rows, along.rows, channels, y.rows, along.rows})
                  .permute({2, 5, 3, 6, 0, 1, 4});  // [y, y', x, x', groups, c, c']
  auto over_y = sum_over_outside(gram, y.kernel, y.dilation, y.padding);
  const auto over_both =
      sum_over_outside(over_y.permute({2, 3, 0, 1, 4, 5, 6}), along.kernel, along.dilation, along.padding)
          .permute({2, 3, 0, 1, 4, 5, 6});
  return flip_taps(flip_taps(over_both, 0, high_y), 2, high_x);
}

}  // namespace

bool lags_apply(const at::Tensor& input, const ConvGeometry& geometry) {
  return input.is_cpu() && input.dim() <= 4 &&
         std::all_of(geometry.stride.begin(), geometry.stride.end(), [](int64_t s) { return s == 1; });
}

at::Tensor conv_gram_by_lags(const at::Tensor& input, const ConvGeometry& geometry_) {
  auto geometry = geometry_;
  auto x = input.contiguous();
  if (x.dim() == 3) {  // one spatial dimension: a single row
    x = x.unsqueeze(2);
    for (auto* sizes : {&geometry.kernel_size, &geometry.stride, &geometry.dilation}) {
      sizes->insert(sizes->begin(), 1);
    }
    geometry.padding.insert(geometry.padding.begin(), 0);
  }
  const auto groups = geometry.groups;
  const auto channels = x.size(1) / groups;
  const Ends ends_y(geometry, 0, x.size(2));
  const Ends ends_x(geometry, 1, x.size(3));
  const auto ky = ends_y.kernel;
  const auto kx = ends_x.kernel;

  const auto lags = lag_correlation(x, geometry.kernel_size, geometry.dilation, groups);
  // gram[uy][uy'][ux][ux'][group][c][c'] in taps.
  auto gram = at::empty({ky, ky, kx, kx, groups, channels, channels}, lags.options());
  for (int64_t u = 0; u < ky; ++u) {
    for (int64_t v = 0; v < ky; ++v) {
      for (int64_t s = 0; s < kx; ++s) {
        // ux' = 0 .. kx - 1 is a run of consecutive lags.
        gram[u][v][s].copy_(lags[ky - 1 + v - u].narrow(0, kx - 1 - s, kx));
      }
    }
  }

  for (const bool high : {false, true}) {
    if (ends_y.rows > 0) {
      const auto correction = strip_correction(x, ends_y, ends_x, groups, high);
      for (int64_t s = 0; s < kx; ++s) {
        gram.select(2, s).sub_(correction.narrow(2, kx - 1 - s, kx));
      }
    }
    if (ends_x.rows > 0) {
      const auto correction = strip_correction(x.transpose(2, 3), ends_x, ends_y, groups, high);
      for (int64_t u = 0; u < ky; ++u) {
        // [kx, kx', ky', ..] -> [ky', kx, kx', ..]
        gram[u].sub_(correction.narrow(2, ky - 1 - u, ky).permute({2, 0, 1, 3, 4, 5}));
      }
    }
  }
  if (ends_y.rows > 0 && ends_x.rows > 0) {
    for (const bool high_y : {false, true}) {
      for (const bool high_x : {false, true}) {
        gram.add_(corner_correction(x, ends_y, ends_x, groups, high_y, high_x));
      }
    }
  }
  // [uy, uy', ux, ux', group, c, c'] -> [group, c, uy, ux, c', uy', ux']
  const auto d = channels * ky * kx;
  return gram.permute({4, 5, 0, 2, 6, 1, 3}).reshape({groups, d, d});
}

at::Tensor conv_gram_by_patches(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto groups = geometry.groups;
  const auto d = input.size(1) / groups * c10::multiply_integers(geometry.kernel_size);
  const auto positions = c10::multiply_integers(output_size);
  const auto images = input.size(0);
  const auto per_image = std::max<int64_t>(1, groups * d * positions * int64_t(sizeof(double)));
  const auto chunk = std::clamp<int64_t>(patch_buffer_bytes / per_image, 1, std::max<int64_t>(1, images));
  auto gram = at::zeros({groups, d, d}, input.options().dtype(at::kDouble));
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
  return lags_apply(input, geometry) ? conv_gram_by_lags(input, geometry)
                                     : conv_gram_by_patches(input, geometry, output_size);
}

double conv_gram_flops(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto channels = double(input.size(1)) / double(geometry.groups);
  const auto taps = double(c10::multiply_integers(geometry.kernel_size));
  const auto images = double(input.size(0)) * double(geometry.groups);
  if (!lags_apply(input, geometry)) {
    const auto d = channels * taps;
    return 2 * images * double(c10::multiply_integers(output_size)) * d * d;  // half of the product, in float64
  }
  double lags = 1;
  for (const auto k : geometry.kernel_size) {
    lags *= double(2 * k - 1);
  }
  return images * double(c10::multiply_integers(input.sizes().slice(2))) * channels * channels * (lags + 1);
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
