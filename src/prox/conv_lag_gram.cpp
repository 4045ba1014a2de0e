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
// column). All sums end in float64, so that the subtraction loses
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
  int64_t outside;  ///< positions beyond each end that see a row
  int64_t strip;    ///< rows that they see; 0: none
  int64_t lags;     ///< 2 kernel - 1, stored with an offset of kernel - 1

  Axis(const ConvGeometry& geometry, const at::Tensor& x, int64_t index)
      : dimension(2 + index),
        kernel(geometry.kernel_size[index]),
        dilation(geometry.dilation[index]),
        padding(geometry.padding[index]),
        outside(std::max<int64_t>((kernel - 1) * dilation - padding, 0)),
        strip(std::min(outside, x.size(dimension))),
        lags(2 * kernel - 1) {}
};

// The runs of a row of pixels at distance dy whose taps lie `first` .. kernel - 1 along x.
void add_runs(
    std::vector<Run>& runs,
    const Signal& signal,
    const Axis& along,
    int64_t row,
    int64_t first_tap,
    int64_t empty_rows) {
  const bool one_run = along.dilation == 1;
  for (auto tap = first_tap; tap < along.kernel; tap += one_run ? along.kernel - first_tap : 1) {
    const auto taps = one_run ? along.kernel - first_tap : 1;
    runs.push_back({signal.elements({0, row, tap * along.dilation}), taps * signal.channels, empty_rows});
  }
}

// Images [N, C, H, W] with zeros as far as lags along x and `rows_below` rows reach.
Signal lag_signal(const at::Tensor& x, const Axis& along, int64_t rows_below, int64_t groups) {
  Signal signal;
  signal.images = x;
  signal.size = {1, x.size(2), x.size(3)};
  signal.before = {0, 0, (along.kernel - 1) * along.dilation};  // the next row's zeros in front are this row's behind
  signal.after = {0, rows_below, 0};
  signal.origin = signal.before;
  signal.channels = x.size(1) / groups;
  return signal;
}

// R[dy][dx][group][c][c'] for all lags in taps, stored with an offset of (ky - 1, kx - 1).
at::Tensor lag_correlation(const at::Tensor& x, const Axis& y, const Axis& along, int64_t groups) {
  const auto signal = lag_signal(x, along, (y.kernel - 1) * y.dilation, groups);
  const auto channels = signal.channels;
  // Half of the lags; the others are transposes.
  Pairing pairing{{0, channels}, {}};
  for (int64_t dy = 0; dy < y.kernel; ++dy) {
    add_runs(pairing.right, signal, along, dy * y.dilation, dy == 0 ? 0 : 1 - along.kernel, dy * y.dilation);
  }
  const auto sums = correlate(x, signal, groups, signal.size, {pairing}).front();

  auto full = at::empty({y.lags, along.lags, groups, channels, channels}, sums.options());
  const auto from = sums.accessor<double, 3>();
  auto to = full.accessor<double, 5>();
  int64_t column = 0;
  for (int64_t dy = 0; dy < y.kernel; ++dy) {
    for (int64_t dx = dy == 0 ? 0 : 1 - along.kernel; dx < along.kernel; ++dx, column += channels) {
      auto lag = to[y.kernel - 1 + dy][along.kernel - 1 + dx];
      auto mirrored = to[y.kernel - 1 - dy][along.kernel - 1 - dx];
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t c = 0; c < channels; ++c) {
          for (int64_t d = 0; d < channels; ++d) {
            lag[g][c][d] = from[g][c][column + d];
            mirrored[g][d][c] = from[g][c][column + d];
          }
        }
      }
    }
  }
  return full;
}

// The strip at one end of a dimension.
at::Tensor end_of(const at::Tensor& x, const Axis& axis, bool high) {
  return x.narrow(axis.dimension, high ? x.size(axis.dimension) - axis.strip : 0, axis.strip);
}

// Calls add(u, v, row, row') for every position beyond one end and every pair of taps that sees rows of the strip from
// there. The high end is the low end seen in a mirror: taps and rows count from the other side.
template <typename Add>
void for_outside_positions(const Axis& axis, bool high, const Add& add) {
  const auto tap = [&](int64_t u) { return high ? axis.kernel - 1 - u : u; };
  const auto place = [&](int64_t row) { return high ? axis.strip - 1 - row : row; };
  for (int64_t beyond = 1; beyond <= axis.outside; ++beyond) {
    for (int64_t u = 0; u < axis.kernel; ++u) {
      const auto row = u * axis.dilation - axis.padding - beyond;
      for (int64_t v = 0; v < axis.kernel; ++v) {
        const auto other = v * axis.dilation - axis.padding - beyond;
        if (row >= 0 && row < axis.strip && other >= 0 && other < axis.strip) {
          add(tap(u), tap(v), place(row), place(other));
        }
      }
    }
  }
}

// Adds to table[u][v][lag along][group][c][c'] what is missing beyond one end of `across`.
void add_strip(
    const at::Tensor& x, const Axis& across, const Axis& along, int64_t groups, bool high, at::Tensor& table) {
  auto strip = end_of(x, across, high);
  if (across.dimension == 3) {
    strip = strip.transpose(2, 3);
  }
  const auto signal = lag_signal(strip, along, 0, groups);
  const auto channels = signal.channels;
  // One pairing per row, with itself (half of the lags) and the rows below it.
  std::vector<Pairing> pairings;
  for (int64_t row = 0; row < across.strip; ++row) {
    Pairing pairing{{row * strip.stride(2), channels}, {}};
    for (auto other = row; other < across.strip; ++other) {
      add_runs(pairing.right, signal, along, other, other == row ? 0 : 1 - along.kernel, 0);
    }
    pairings.push_back(std::move(pairing));
  }
  const auto blocks = correlate(strip, signal, groups, {1, 1, signal.size[2]}, pairings);

  auto to = table.accessor<double, 6>();
  for_outside_positions(across, high, [&](int64_t u, int64_t v, int64_t row, int64_t other) {
    const auto from = blocks[size_t(std::min(row, other))].accessor<double, 3>();
    // Columns of the pair: `kernel` lags of the row with itself come first, then all lags of each row below.
    const auto below = std::abs(other - row);
    for (int64_t dx = 1 - along.kernel; dx < along.kernel; ++dx) {
      const bool mirrored = other < row || (other == row && dx < 0);
      const auto lag = mirrored ? -dx : dx;
      const auto column =
          (below == 0 ? lag : along.kernel + (below - 1) * along.lags + along.kernel - 1 + lag) * channels;
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t c = 0; c < channels; ++c) {
          for (int64_t d = 0; d < channels; ++d) {
            to[u][v][along.kernel - 1 + dx][g][c][d] += mirrored ? from[g][d][column + c] : from[g][c][column + d];
          }
        }
      }
    }
  });
}

// What is missing beyond both ends of `across`.
at::Tensor strip_table(const at::Tensor& x, const Axis& across, const Axis& along, int64_t groups) {
  const auto channels = x.size(1) / groups;
  auto table =
      at::zeros({across.kernel, across.kernel, along.lags, groups, channels, channels}, at::dtype(at::kDouble));
  if (across.strip > 0) {
    add_strip(x, across, along, groups, /*high=*/false, table);
    add_strip(x, across, along, groups, /*high=*/true, table);
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
  const auto lags = lag_correlation(x, y, along, groups);
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
