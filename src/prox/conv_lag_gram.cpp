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
// column). The high end is the low end of the flipped input. All sums end in float64, so that the subtraction loses
// nothing that matters.

#include "prox/conv_gram.h"

#include "prox/image_correlation.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace proxprop {

namespace {

// One spatial dimension of the convolution.
struct Axis {
  int64_t dimension;  ///< of the input [N, C, y, x]
  int64_t kernel, dilation, padding;
  int64_t strip;  ///< rows that outside positions see; 0: none
  int64_t lags;   ///< 2 kernel - 1, stored with an offset of kernel - 1

  Axis(const ConvGeometry& geometry, const at::Tensor& x, int64_t index)
      : dimension(2 + index),
        kernel(geometry.kernel_size[index]),
        dilation(geometry.dilation[index]),
        padding(geometry.padding[index]),
        strip(std::clamp<int64_t>((kernel - 1) * dilation - padding, 0, x.size(dimension))),
        lags(2 * kernel - 1) {}
};

// R[dy][dx][group][c][c'] for all lags in taps, stored with an offset of (ky - 1, kx - 1); x is [N, C, H, W].
at::Tensor lag_correlation(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef dilation, int64_t groups) {
  const auto channels = x.size(1) / groups;
  const auto reach = (kernel[1] - 1) * dilation[1];
  Signal signal;
  signal.images = x.contiguous();
  signal.size = {1, x.size(2), x.size(3)};
  signal.before = {0, 0, reach};  // the next row's zeros in front are this row's behind
  signal.after = {0, (kernel[0] - 1) * dilation[0], 0};
  signal.origin = signal.before;
  signal.channels = channels;

  // Half of the lags; the others are transposes.
  Pairing pairing{{0, channels}, {}};
  std::vector<std::pair<int64_t, int64_t>> half;
  for (int64_t dy = 0; dy < kernel[0]; ++dy) {
    const auto first = dy == 0 ? 0 : 1 - kernel[1];
    const bool one_run = dilation[1] == 1;
    for (int64_t dx = first; dx < kernel[1]; ++dx) {
      half.emplace_back(dy, dx);
      if (!one_run || dx == first) {
        const auto taps = one_run ? kernel[1] - first : 1;
        pairing.right.push_back(
            {signal.elements({0, dy * dilation[0], dx * dilation[1]}), taps * channels, dy * dilation[0]});
      }
    }
  }
  const auto sums = correlate(signal, std::nullopt, groups, signal.size, {pairing}).front();

  auto full = at::empty({2 * kernel[0] - 1, 2 * kernel[1] - 1, groups, channels, channels}, sums.options());
  for (size_t i = 0; i < half.size(); ++i) {
    const auto [dy, dx] = half[i];
    const auto lag = sums.narrow(2, int64_t(i) * channels, channels);
    full[kernel[0] - 1 + dy][kernel[1] - 1 + dx].copy_(lag);
    full[kernel[0] - 1 - dy][kernel[1] - 1 - dx].copy_(lag.transpose(-1, -2));
  }
  return full;
}

// The rows at one end of a dimension, the outermost first: the high end is the low end of the flipped input.
at::Tensor end_of(const at::Tensor& x, const Axis& axis, bool high) {
  return high ? x.narrow(axis.dimension, x.size(axis.dimension) - axis.strip, axis.strip).flip(axis.dimension)
              : x.narrow(axis.dimension, 0, axis.strip);
}

// Calls add(u, v, row, row') for every position beyond one end and every pair of taps that sees rows of the strip
// from there. Taps count from the other side at the high end.
template <typename Add>
void for_outside_positions(const Axis& axis, bool high, const Add& add) {
  const auto tap = [&](int64_t u) { return high ? axis.kernel - 1 - u : u; };
  for (int64_t beyond = 1; beyond <= axis.strip; ++beyond) {
    for (int64_t u = 0; u < axis.kernel; ++u) {
      const auto row = u * axis.dilation - axis.padding - beyond;
      for (int64_t v = 0; v < axis.kernel; ++v) {
        const auto other = v * axis.dilation - axis.padding - beyond;
        if (row >= 0 && row < axis.strip && other >= 0 && other < axis.strip) {
          add(tap(u), tap(v), row, other);
        }
      }
    }
  }
}

// What is missing beyond both ends of `across`: table[u][v][lag along][group][c][c'].
at::Tensor strip_table(const at::Tensor& x, const Axis& across, const Axis& along, int64_t groups) {
  const auto channels = x.size(1) / groups;
  const auto table =
      at::zeros({across.kernel, across.kernel, along.lags, groups, channels, channels}, at::dtype(at::kDouble));
  for (const bool high : {false, true}) {
    if (across.strip == 0) {
      break;
    }
    // [N, C, strip, along] as signals (group, c, row) along one dimension.
    auto strip = end_of(x, across, high);
    if (across.dimension == 3) {
      strip = strip.transpose(2, 3);
    }
    strip = strip.reshape({x.size(0), x.size(1) * across.strip, 1, x.size(along.dimension)});
    const auto correlation = lag_correlation(strip, {1, along.kernel}, {1, along.dilation}, groups)[0].view(
        {along.lags * groups, channels, across.strip, channels, across.strip});
    const auto from = correlation.accessor<double, 5>();
    auto to = table.view({across.kernel, across.kernel, along.lags * groups, channels, channels});
    auto target = to.accessor<double, 5>();
    for_outside_positions(across, high, [&](int64_t u, int64_t v, int64_t row, int64_t other) {
      for (int64_t lag = 0; lag < along.lags * groups; ++lag) {
        for (int64_t c = 0; c < channels; ++c) {
          for (int64_t d = 0; d < channels; ++d) {
            target[u][v][lag][c][d] += from[lag][c][row][d][other];
          }
        }
      }
    });
  }
  return table;
}

// Adds what both strips subtract at the four corners; gram is [groups, c, uy, ux, c', vy, vx].
void add_corners(const at::Tensor& x, const Axis& y, const Axis& along, int64_t groups, const at::Tensor& gram) {
  const auto channels = x.size(1) / groups;
  auto target = gram.accessor<double, 7>();
  for (const bool high_y : {false, true}) {
    for (const bool high_x : {false, true}) {
      const auto pixels = end_of(end_of(x, y, high_y), along, high_x)
                              .reshape({x.size(0), groups, channels * y.strip * along.strip})
                              .permute({1, 2, 0});
      const auto corner =
          symmetric_gram(pixels).view({groups, channels, y.strip * along.strip, channels, y.strip * along.strip});
      const auto from = corner.accessor<double, 5>();
      for_outside_positions(y, high_y, [&](int64_t uy, int64_t vy, int64_t row, int64_t other_row) {
        for_outside_positions(along, high_x, [&](int64_t ux, int64_t vx, int64_t column, int64_t other_column) {
          for (int64_t g = 0; g < groups; ++g) {
            for (int64_t c = 0; c < channels; ++c) {
              for (int64_t d = 0; d < channels; ++d) {
                target[g][c][uy][ux][d][vy][vx] +=
                    from[g][c][row * along.strip + column][d][other_row * along.strip + other_column];
              }
            }
          }
        });
      });
    }
  }
}

}  // namespace

at::Tensor conv_gram_by_lags(const at::Tensor& input, const ConvGeometry& geometry_) {
  auto geometry = geometry_;
  auto x = input;
  if (x.dim() == 3) {  // one spatial dimension: a single row
    x = x.unsqueeze(2);
    for (auto* sizes : {&geometry.kernel_size, &geometry.stride, &geometry.dilation}) {
      sizes->insert(sizes->begin(), 1);
    }
    geometry.padding.insert(geometry.padding.begin(), 0);
  }
  const auto groups = geometry.groups;
  const auto channels = x.size(1) / groups;
  const Axis y(geometry, x, 0);
  const Axis along(geometry, x, 1);

  // rows[uy][vy][dx] = R[vy - uy][dx] - strips of y; columns[ux][vx][dy] = strips of x.
  const auto lags = lag_correlation(x, geometry.kernel_size, geometry.dilation, groups);
  const auto rows = strip_table(x, y, along, groups).neg_();
  for (int64_t u = 0; u < y.kernel; ++u) {
    for (int64_t v = 0; v < y.kernel; ++v) {
      rows[u][v].add_(lags[y.kernel - 1 + v - u]);
    }
  }
  const auto columns = strip_table(x, along, y, groups);

  const auto d = channels * y.kernel * along.kernel;
  auto gram = at::empty({groups, channels, y.kernel, along.kernel, channels, y.kernel, along.kernel}, lags.options());
  const auto from_rows = rows.accessor<double, 6>();
  const auto from_columns = columns.accessor<double, 6>();
  auto target = gram.accessor<double, 7>();
  at::parallel_for(0, groups * channels, 1, [&](int64_t begin, int64_t end) {
    for (auto gc = begin; gc < end; ++gc) {
      const auto g = gc / channels, c = gc % channels;
      for (int64_t uy = 0; uy < y.kernel; ++uy) {
        for (int64_t ux = 0; ux < along.kernel; ++ux) {
          auto row = target[g][c][uy][ux];
          for (int64_t e = 0; e < channels; ++e) {
            for (int64_t vy = 0; vy < y.kernel; ++vy) {
              for (int64_t vx = 0; vx < along.kernel; ++vx) {
                row[e][vy][vx] = from_rows[uy][vy][along.kernel - 1 + vx - ux][g][c][e] -
                                 from_columns[ux][vx][y.kernel - 1 + vy - uy][g][c][e];
              }
            }
          }
        }
      }
    }
  });
  if (y.strip > 0 && along.strip > 0) {
    add_corners(x, y, along, groups, gram);
  }
  return gram.view({groups, d, d});
}

double conv_gram_by_lags_flops(const at::Tensor& input, const ConvGeometry& geometry) {
  const auto channels = double(input.size(1)) / double(geometry.groups);
  const auto images = double(input.size(0) * geometry.groups);
  const auto dims = int64_t(geometry.kernel_size.size());
  double lags = 1, pixels = 1;
  for (int64_t i = 0; i < dims; ++i) {
    lags *= double(2 * geometry.kernel_size[i] - 1);
    pixels *= double(input.size(2 + i));
  }
  double total = pixels * (lags + 1);
  for (int64_t i = 0; i < dims; ++i) {
    const auto reach = (geometry.kernel_size[i] - 1) * geometry.dilation[i];
    const auto strip = double(std::clamp<int64_t>(reach - geometry.padding[i], 0, input.size(2 + i)));
    double along = 1;
    for (int64_t j = 0; j < dims; ++j) {
      along *= j == i ? 1 : double(input.size(2 + j)) * double(geometry.kernel_size[j]);
    }
    total += 2 * 2 * along * strip * strip;
  }
  return images * channels * channels * total;
}

}  // namespace proxprop
