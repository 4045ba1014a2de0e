#include "prox/conv_lag_borders.h"

#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace proxprop {

namespace {

// Calls add(u, v, row, row') for every position beyond one end and every pair of taps that sees rows of the strip from
// there. The high end is the low end seen in a mirror: taps and rows count from the other side.
template <typename Add>
void for_outside_positions(const LagAxis& axis, bool high, const Add& add) {
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

}  // namespace

LagAxis::LagAxis(const ConvGeometry& geometry, const at::Tensor& x, int64_t index)
    : dimension(2 + index),
      kernel(geometry.kernel_size[index]),
      dilation(geometry.dilation[index]),
      padding(geometry.padding[index]),
      outside(std::max<int64_t>((kernel - 1) * dilation - padding, 0)),
      strip(std::min(outside, x.size(dimension))),
      lags(2 * kernel - 1) {}

void add_row_of_taps(
    std::vector<Run>& runs,
    const Signal& signal,
    const LagAxis& along,
    int64_t row,
    int64_t first,
    int64_t empty_rows) {
  const bool one_run = along.dilation == 1;
  for (auto tap = first; tap < along.kernel; tap += one_run ? along.kernel - first : 1) {
    const auto taps = one_run ? along.kernel - first : 1;
    runs.push_back({signal.elements({0, row, tap * along.dilation}), taps * signal.channels, empty_rows});
  }
}

OutsideSums::OutsideSums(const LagAxis& across, int64_t lags, int64_t groups, int64_t channels)
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

void Strips::add_pairings(const Signal& signal, std::vector<Pairing>& pairings) {
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

void Strips::add_lags(std::vector<Run>& runs, const Signal& signal, int64_t other, int64_t first) const {
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
int64_t Strips::block(int64_t line, int64_t other, int64_t lag) const {
  const auto before = other * along_.kernel - std::min(other, line);  // lines before `line` lack lag 0
  return before + lag - (other < line ? 1 : 0);
}

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

void Corners::add_pairings(const Signal& signal, std::vector<Pairing>& pairings) {
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

}  // namespace proxprop
