// The feature Gram of a convolution with stride 1, by lags.
//
// With x~ the input extended by zeros, and u, v kernel taps (times the dilation),
//
//     G[(c, u), (c', v)] = sum over output positions p of x~[c, p + u - pad] x~[c', p + v - pad]
//
// would depend on the lag v - u only, if p ran over all of space: then it is the correlation R[c, c'](v - u) of the
// input with itself. What is subtracted are the positions p outside the output. Those beyond the low end of one
// dimension see only a strip of m = reach - pad rows of the input, and the positions of the strip are again all of
// space in the other dimension, so
//
//     G = R - (strips at the two ends of y) - (those of x) + (the four corners, subtracted twice),
//
// where a strip is a correlation in one dimension of signals (c, row), and a corner is a plain Gram of pixels (c, row,
// column). All sums end in float64, so that the subtraction loses nothing that matters. R itself comes from the pixels,
// in the pass over the images that sums strips and corners, or from the images' Fourier transforms.

#include "prox/conv_gram.h"

#include "prox/conv_lag_borders.h"
#include "prox/fourier_lags.h"
#include "prox/image_correlation.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace proxprop {

namespace {

// The images of one spatial dimension are a single row.
std::pair<at::Tensor, ConvGeometry> in_two_dimensions(const at::Tensor& input, ConvGeometry geometry) {
  if (input.dim() == 4) {
    return {input, std::move(geometry)};
  }
  for (auto* sizes : {&geometry.kernel_size, &geometry.stride, &geometry.dilation}) {
    sizes->insert(sizes->begin(), 1);
  }
  geometry.padding.insert(geometry.padding.begin(), 0);
  return {input.unsqueeze(2), std::move(geometry)};
}

LagGrid lag_grid(const LagAxis& y, const LagAxis& along) {
  return {{y.kernel, along.kernel}, {y.dilation, along.dilation}};
}

// Images [N, C, H, W] with zeros as far as lags reach: to both sides along x, and below.
Signal lag_signal(const at::Tensor& x, const LagAxis& y, const LagAxis& along, int64_t groups) {
  Signal signal;
  signal.images = x;
  signal.size = {1, x.size(2), x.size(3)};
  signal.before = {0, 0, (along.kernel - 1) * along.dilation};  // the next row's zeros in front are this row's behind
  signal.after = {0, (y.kernel - 1) * y.dilation, 0};
  signal.origin = signal.before;
  signal.channels = x.size(1) / groups;
  return signal;
}

// All pixels with those at half of the lags (the others are transposes): dy = 0 with dx >= 0, and dy > 0.
Pairing lag_pairing(const Signal& signal, const LagAxis& y, const LagAxis& along) {
  Pairing pairing{signal.size, {0, signal.channels}, {}};
  for (int64_t dy = 0; dy < y.kernel; ++dy) {
    add_row_of_taps(pairing.right, signal, along, dy * y.dilation, dy == 0 ? 0 : 1 - along.kernel, dy * y.dilation);
  }
  return pairing;
}

// What one entry of G, for a pair of taps and all channels c', is made of.
struct Row {
  const double* everywhere;
  const double* beyond_y;
  const double* beyond_x;
};

// R[dy][dx][group][c][c'] for all lags in taps, stored with an offset of (ky - 1, kx - 1), from the sums of
// `lag_pairing`.
at::Tensor all_lags(const at::Tensor& sums, const LagAxis& y, const LagAxis& along) {
  const auto groups = sums.size(0), channels = sums.size(1);
  auto full = scratch({y.lags, along.lags, groups, channels, channels});
  const auto from = sums.accessor<double, 3>();
  auto to = full.accessor<double, 5>();
  // Lag 0, then dx = 1 .. of the same row, then whole rows.
  const auto stored_lags = along.kernel + (y.kernel - 1) * along.lags;
  at::parallel_for(0, stored_lags, blocks_of_task(groups * channels * channels), [&](int64_t begin, int64_t end) {
    for (auto index = begin; index < end; ++index) {
      const auto place = index + along.kernel - 1;
      const auto dy = place / along.lags, dx = place % along.lags - (along.kernel - 1);
      for (int64_t g = 0; g < groups; ++g) {
        for_each_entry(
            channels, [&, stored = from[g], lag = to[y.kernel - 1 + dy][along.kernel - 1 + dx][g],
                       mirrored = to[y.kernel - 1 - dy][along.kernel - 1 - dx][g]](int64_t c, int64_t d) mutable {
              lag[c][d] = stored[c][index * channels + d];
              mirrored[d][c] = stored[c][index * channels + d];
            });
      }
    }
  });
  return full;
}

}  // namespace

void conv_gram_by_lags(
    const at::Tensor& input, const ConvGeometry& geometry_, LagSums lag_sums, const at::Tensor& gram) {
  const auto [x, geometry] = in_two_dimensions(input, geometry_);
  const auto groups = geometry.groups;
  const auto channels = x.size(1) / groups;
  const LagAxis y(geometry, x, 0);
  const LagAxis along(geometry, x, 1);

  // One pass over the images for all that is summed over pixels.
  const auto signal = lag_signal(x, y, along, groups);
  std::vector<Pairing> pairings;
  if (lag_sums == LagSums::direct) {
    pairings.push_back(lag_pairing(signal, y, along));
  }
  Strips strips_y(x, y, along), strips_x(x, along, y);
  strips_y.add_pairings(signal, pairings);
  strips_x.add_pairings(signal, pairings);
  Corners corners(x, y, along);
  corners.add_pairings(signal, pairings);
  const auto sums = correlate(x, signal, groups, pairings);

  const auto lags =
      lag_sums == LagSums::direct ? all_lags(sums.front(), y, along) : fourier_lags(x, lag_grid(y, along), groups);
  const auto outside_y = strips_y.outside(sums), outside_x = strips_x.outside(sums);

  const auto by_taps = gram.view({groups, channels, y.kernel, along.kernel, channels, y.kernel, along.kernel});
  const auto everywhere = lags.accessor<double, 5>();
  auto target = by_taps.accessor<double, 7>();
  const auto taps = y.kernel * along.kernel;
  at::parallel_for(0, groups * channels, 1, [&](int64_t begin, int64_t end) {
    std::vector<Row> rows(size_t(taps), Row{});
    for (auto gc = begin; gc < end; ++gc) {
      const auto g = gc / channels, c = gc % channels;
      for (int64_t uy = 0; uy < y.kernel; ++uy) {
        for (int64_t ux = 0; ux < along.kernel; ++ux) {
          for (int64_t v = 0; v < taps; ++v) {
            const auto vy = v / along.kernel, vx = v % along.kernel;
            const auto dy = y.kernel - 1 + vy - uy, dx = along.kernel - 1 + vx - ux;
            rows[size_t(v)] = {
                everywhere[dy][dx][g][c].data(), outside_y.row(uy, vy, dx, g, c), outside_x.row(ux, vx, dy, g, c)};
          }
          // In the order of the Gram's row, which is far longer than those it is made of.
          double* to = target[g][c][uy][ux].data();
          for (int64_t e = 0; e < channels; ++e) {
            for (const auto& row : rows) {
              *to++ = row.everywhere[e] - row.beyond_y[e] - row.beyond_x[e];
            }
          }
        }
      }
    }
  });
  corners.add_to(by_taps, sums);
}

Work conv_gram_by_lags_work(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums) {
  const auto [x, plane] = in_two_dimensions(input, geometry);
  const LagAxis y(plane, x, 0), along(plane, x, 1);
  const auto strips = [&](const LagAxis& across, const LagAxis& other) {
    return 2.0 * 2.0 * double(x.size(other.dimension) * other.kernel) * double(across.strip * across.strip);
  };
  const auto corners = 2.0 * 4.0 * double(y.strip * y.strip * along.strip * along.strip);
  const auto pixels = double(x.size(2) * x.size(3)), lags = double(y.lags * along.lags);
  const bool direct = lag_sums == LagSums::direct;
  const auto products = (direct ? pixels * (lags + 1) : 0) + strips(y, along) + strips(along, y) + corners;
  const auto channels = double(x.size(1));
  Work work;
  work[Kernel::correlation] = double(x.size(0)) * channels * channels / double(plane.groups) * products;
  if (!direct) {
    work[Kernel::fourier] = fourier_lags_flops(x, lag_grid(y, along), plane.groups);
  }
  return work;
}

// Sums of all pairings and the tables that are made of them; by Fourier transforms also what these hold.
double conv_gram_by_lags_bytes(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums) {
  const auto [x, plane] = in_two_dimensions(input, geometry);
  const LagAxis y(plane, x, 0), along(plane, x, 1);
  const auto strips = [](const LagAxis& across, const LagAxis& other) {
    return 2.0 * double(across.strip * across.strip * other.kernel);
  };
  const auto outside = [](const LagAxis& across, const LagAxis& other) {
    return double(std::min(2 * across.outside, across.kernel) * across.kernel * other.lags);
  };
  const auto corners = 4.0 * double(y.strip * y.strip * along.strip * along.strip);
  const auto lags = double(y.lags * along.lags);
  const bool direct = lag_sums == LagSums::direct;
  const auto block = double(x.size(1)) * double(x.size(1)) / double(plane.groups);
  const auto sums = (direct ? (lags + 1) / 2 : 0) + strips(y, along) + strips(along, y) + corners;
  return correlation_bytes(block * sums) + 8 * block * (lags + outside(y, along) + outside(along, y)) +
         (direct ? 0 : fourier_lags_bytes(x, lag_grid(y, along), plane.groups));
}

}  // namespace proxprop
