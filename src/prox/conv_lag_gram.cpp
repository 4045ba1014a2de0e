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

#include "prox/fourier_lags.h"
#include "prox/image_correlation.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

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

LagGrid lag_grid(const Axis& y, const Axis& along) {
  return {{y.kernel, along.kernel}, {y.dilation, along.dilation}};
}

// Images [N, C, H, W] with zeros as far as lags reach: to both sides along x, and below.
Signal lag_signal(const at::Tensor& x, const Axis& y, const Axis& along, int64_t groups) {
  Signal signal;
  signal.images = x;
  signal.size = {1, x.size(2), x.size(3)};
  signal.before = {0, 0, (along.kernel - 1) * along.dilation};  // the next row's zeros in front are this row's behind
  signal.after = {0, (y.kernel - 1) * y.dilation, 0};
  signal.origin = signal.before;
  signal.channels = x.size(1) / groups;
  return signal;
}

// Appends the pixels at `row` and the columns of taps `first` .. kernel - 1, in one run where they are neighbours.
void add_row_of_taps(
    std::vector<Run>& runs, const Signal& signal, const Axis& along, int64_t row, int64_t first, int64_t empty_rows) {
  const bool one_run = along.dilation == 1;
  for (auto tap = first; tap < along.kernel; tap += one_run ? along.kernel - first : 1) {
    const auto taps = one_run ? along.kernel - first : 1;
    runs.push_back({signal.elements({0, row, tap * along.dilation}), taps * signal.channels, empty_rows});
  }
}

// All pixels with those at half of the lags (the others are transposes): dy = 0 with dx >= 0, and dy > 0.
Pairing lag_pairing(const Signal& signal, const Axis& y, const Axis& along) {
  Pairing pairing{signal.size, {0, signal.channels}, {}};
  for (int64_t dy = 0; dy < y.kernel; ++dy) {
    add_row_of_taps(pairing.right, signal, along, dy * y.dilation, dy == 0 ? 0 : 1 - along.kernel, dy * y.dilation);
  }
  return pairing;
}

// visit(c, d) for all pairs of channels, in squares that stay in cache whichever of the two runs along memory.
template <typename Visit>
void for_each_entry(int64_t channels, Visit visit) {
  constexpr int64_t square = 16;
  for (int64_t first_c = 0; first_c < channels; first_c += square) {
    for (int64_t first_d = 0; first_d < channels; first_d += square) {
      for (auto c = first_c; c < std::min(channels, first_c + square); ++c) {
        for (auto d = first_d; d < std::min(channels, first_d + square); ++d) {
          visit(c, d);
        }
      }
    }
  }
}

// Blocks of `entries` numbers that make a task worth a thread.
int64_t blocks_of_task(int64_t entries) {
  return std::max<int64_t>(1, (int64_t(1) << 15) / std::max<int64_t>(1, entries));
}

// R[dy][dx][group][c][c'] for all lags in taps, stored with an offset of (ky - 1, kx - 1), from the sums of
// `lag_pairing`.
at::Tensor all_lags(const at::Tensor& sums, const Axis& y, const Axis& along) {
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

// Sums over the positions beyond both ends of one dimension, for every pair of taps (u, v) that see a row from there
// and all lags along the other dimension. With the usual padding most pairs see none.
class OutsideSums {
 public:
  OutsideSums(const Axis& across, int64_t lags, int64_t groups, int64_t channels)
      : kernel_(across.kernel), slots_(size_t(kernel_ * kernel_), unseen), nothing_(size_t(channels), 0.0) {
    int64_t seen = 0;
    for (const bool high : {false, true}) {
      for_outside_positions(across, high, [&](int64_t u, int64_t v, int64_t, int64_t) {
        auto& slot = slots_[size_t(u * kernel_ + v)];
        slot = slot == unseen ? seen++ : slot;
      });
    }
    sums_ = zero_scratch({seen, lags, groups, channels, channels});
  }

  // [lag][group][c][c'] of taps that see a row.
  at::TensorAccessor<double, 4> of_taps(int64_t u, int64_t v) const {
    return sums_.accessor<double, 5>()[slots_[size_t(u * kernel_ + v)]];
  }

  // [c'], also of taps that see none.
  const double* row(int64_t u, int64_t v, int64_t lag, int64_t group, int64_t c) const {
    return slots_[size_t(u * kernel_ + v)] == unseen ? nothing_.data() : of_taps(u, v)[lag][group][c].data();
  }

 private:
  static constexpr int64_t unseen = -1;

  int64_t kernel_;
  std::vector<int64_t> slots_;
  std::vector<double> nothing_;
  at::Tensor sums_;  // [slot][lag][group][c][c']
};

// The lines (rows or columns of pixels) at both ends of one dimension, each with all lines of its end at half of the
// lags along the other dimension: at lag 0 with the lines that follow it, and at all positive lags.
class Strips {
 public:
  Strips(const at::Tensor& x, const Axis& across, const Axis& along) : x_(x), across_(across), along_(along) {}

  void add_pairings(const Signal& signal, std::vector<Pairing>& pairings) {
    first_pairing_ = pairings.size();
    channels_ = signal.channels;
    Extent positions = signal.size;
    positions[size_t(across_.dimension - 1)] = 1;
    for (const bool high : {false, true}) {
      const auto first = high ? x_.size(across_.dimension) - across_.strip : 0;
      for (int64_t line = 0; line < across_.strip; ++line) {
        Pairing pairing{positions, {(first + line) * x_.stride(across_.dimension), signal.channels}, {}};
        for (int64_t other = 0; other < across_.strip; ++other) {
          add_lags(pairing.right, signal, first + other, other < line ? 1 : 0);
        }
        pairings.push_back(std::move(pairing));
      }
    }
  }

  // What positions beyond both ends see.
  OutsideSums outside(const std::vector<at::Tensor>& sums) const;

 private:
  void add_lags(std::vector<Run>& runs, const Signal& signal, int64_t other, int64_t first) const {
    if (across_.dimension == 2) {
      add_row_of_taps(runs, signal, along_, other, first, 0);
      return;
    }
    for (auto lag = first; lag < along_.kernel; ++lag) {
      const auto rows = lag * along_.dilation;
      runs.push_back({signal.elements({0, rows, other}), signal.channels, rows});
    }
  }

  // Where in the pairing of `line` the block of (other, lag) begins, in blocks.
  int64_t block(int64_t line, int64_t other, int64_t lag) const {
    const auto before = other * along_.kernel - std::min(other, line);  // lines before `line` lack lag 0
    return before + lag - (other < line ? 1 : 0);
  }

  const at::Tensor& x_;
  const Axis& across_;
  const Axis& along_;
  size_t first_pairing_ = 0;
  int64_t channels_ = 0;  // per group
};

// The pixels of the four corners, each with those of its corner that do not come before it.
class Corners {
 public:
  Corners(const at::Tensor& x, const Axis& y, const Axis& along) : x_(x), y_(y), along_(along) {}

  void add_pairings(const Signal& signal, std::vector<Pairing>& pairings) {
    first_pairing_ = pairings.size();
    for (const bool high_y : {false, true}) {
      for (const bool high_x : {false, true}) {
        const auto row = high_y ? x_.size(2) - y_.strip : 0;
        const auto column = high_x ? x_.size(3) - along_.strip : 0;
        for (int64_t pixel = 0; pixel < pixels(); ++pixel) {
          const auto place = [&](int64_t p) { return Extent{0, row + p / along_.strip, column + p % along_.strip}; };
          const auto here = place(pixel);
          Pairing pairing{{1, 1, 1}, {here[1] * x_.stride(2) + here[2] * x_.stride(3), signal.channels}, {}};
          for (auto other = pixel; other < pixels(); ++other) {
            pairing.right.push_back({signal.elements(place(other)), signal.channels});
          }
          pairings.push_back(std::move(pairing));
        }
      }
    }
  }

  // Adds what both strips subtract; gram is [groups, c, uy, ux, c', vy, vx].
  void add_to(const at::Tensor& gram, const std::vector<at::Tensor>& sums) const;

 private:
  int64_t pixels() const { return y_.strip * along_.strip; }

  const at::Tensor& x_;
  const Axis& y_;
  const Axis& along_;
  size_t first_pairing_ = 0;
};

OutsideSums Strips::outside(const std::vector<at::Tensor>& sums) const {
  const auto groups = x_.size(1) / channels_, channels = channels_;
  OutsideSums result(across_, along_.lags, groups, channels);
  for (const bool high : {false, true}) {
    const auto first = first_pairing_ + (high ? size_t(across_.strip) : 0);
    for_outside_positions(across_, high, [&](int64_t u, int64_t v, int64_t line, int64_t other) {
      const auto to = result.of_taps(u, v);
      at::parallel_for(0, along_.lags, blocks_of_task(groups * channels * channels), [&](int64_t begin, int64_t end) {
        for (auto index = begin; index < end; ++index) {
          const auto lag = index - (along_.kernel - 1);
          const bool stored = lag > 0 || (lag == 0 && other >= line);
          const auto from = sums[first + size_t(stored ? line : other)].accessor<double, 3>();
          const auto column = (stored ? block(line, other, lag) : block(other, line, -lag)) * channels;
          for (int64_t g = 0; g < groups; ++g) {
            for_each_entry(channels, [&, source = from[g], target = to[index][g]](int64_t c, int64_t d) mutable {
              target[c][d] += stored ? source[c][column + d] : source[d][column + c];
            });
          }
        }
      });
    });
  }
  return result;
}

void Corners::add_to(const at::Tensor& gram, const std::vector<at::Tensor>& sums) const {
  const auto groups = gram.size(0), channels = gram.size(1);
  auto target = gram.accessor<double, 7>();
  auto first = first_pairing_;
  for (const bool high_y : {false, true}) {
    for (const bool high_x : {false, true}) {
      for_outside_positions(y_, high_y, [&](int64_t uy, int64_t vy, int64_t row, int64_t other_row) {
        for_outside_positions(along_, high_x, [&](int64_t ux, int64_t vx, int64_t column, int64_t other_column) {
          const auto pixel = row * along_.strip + column, other = other_row * along_.strip + other_column;
          const bool stored = pixel <= other;
          const auto from = sums[first + size_t(std::min(pixel, other))].accessor<double, 3>();
          const auto begin = std::max(other - pixel, pixel - other) * channels;
          for (int64_t g = 0; g < groups; ++g) {
            for (int64_t c = 0; c < channels; ++c) {
              for (int64_t d = 0; d < channels; ++d) {
                target[g][c][uy][ux][d][vy][vx] += stored ? from[g][c][begin + d] : from[g][d][begin + c];
              }
            }
          }
        });
      });
      first += size_t(pixels());
    }
  }
}

}  // namespace

at::Tensor conv_gram_by_lags(const at::Tensor& input, const ConvGeometry& geometry_, LagSums lag_sums) {
  const auto [x, geometry] = in_two_dimensions(input, geometry_);
  const auto groups = geometry.groups;
  const auto channels = x.size(1) / groups;
  const Axis y(geometry, x, 0);
  const Axis along(geometry, x, 1);

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

  const auto d = channels * y.kernel * along.kernel;
  auto gram = scratch({groups, channels, y.kernel, along.kernel, channels, y.kernel, along.kernel});
  const auto everywhere = lags.accessor<double, 5>();
  auto target = gram.accessor<double, 7>();
  at::parallel_for(0, groups * channels, 1, [&](int64_t begin, int64_t end) {
    for (auto gc = begin; gc < end; ++gc) {
      const auto g = gc / channels, c = gc % channels;
      for (int64_t uy = 0; uy < y.kernel; ++uy) {
        for (int64_t ux = 0; ux < along.kernel; ++ux) {
          auto row = target[g][c][uy][ux];
          for (int64_t vy = 0; vy < y.kernel; ++vy) {
            for (int64_t vx = 0; vx < along.kernel; ++vx) {
              const auto dy = y.kernel - 1 + vy - uy, dx = along.kernel - 1 + vx - ux;
              const double* const all = everywhere[dy][dx][g][c].data();
              const double* const beyond_y = outside_y.row(uy, vy, dx, g, c);
              const double* const beyond_x = outside_x.row(ux, vx, dy, g, c);
              for (int64_t e = 0; e < channels; ++e) {
                row[e][vy][vx] = all[e] - beyond_y[e] - beyond_x[e];
              }
            }
          }
        }
      }
    }
  });
  corners.add_to(gram, sums);
  return gram.view({groups, d, d});
}

double conv_gram_by_lags_flops(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums) {
  const auto [x, plane] = in_two_dimensions(input, geometry);
  const Axis y(plane, x, 0), along(plane, x, 1);
  const auto strips = [&](const Axis& across, const Axis& other) {
    return 2.0 * 2.0 * double(x.size(other.dimension) * other.kernel) * double(across.strip * across.strip);
  };
  const auto corners = 2.0 * 4.0 * double(y.strip * y.strip * along.strip * along.strip);
  const auto pixels = double(x.size(2) * x.size(3)), lags = double(y.lags * along.lags);
  const bool direct = lag_sums == LagSums::direct;
  const auto products = (direct ? pixels * (lags + 1) : 0) + strips(y, along) + strips(along, y) + corners;
  const auto channels = double(x.size(1));
  return double(x.size(0)) * channels * channels / double(plane.groups) * products +
         (direct ? 0 : fourier_lags_flops(x, lag_grid(y, along), plane.groups));
}

}  // namespace proxprop
