#pragma once
// What positions beyond the borders of the output see of the images: the parts of a Gram by lags that are subtracted
// (conv_lag_gram.cpp has the derivation). Strips and corners say which correlations they need, all of which are summed
// in one pass over the images, and then make their tables of them.

#include "prox/image_correlation.h"

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace proxprop {

/// One spatial dimension of a convolution with stride 1 over images [N, C, y, x].
struct LagAxis {
  int64_t dimension;  ///< of the images
  int64_t kernel, dilation, padding;
  int64_t outside;  ///< positions beyond each end that see a row
  int64_t strip;    ///< rows that they see; 0: none
  int64_t lags;     ///< 2 kernel - 1, stored with an offset of kernel - 1

  LagAxis(const ConvGeometry& geometry, const at::Tensor& x, int64_t index);
};

/// Appends the pixels at `row` and the columns of taps `first` .. kernel - 1, in one run where they are neighbours.
void add_row_of_taps(
    std::vector<Run>& runs, const Signal& signal, const LagAxis& along, int64_t row, int64_t first, int64_t empty_rows);

/// visit(c, d) for all pairs of channels, in squares that stay in cache whichever of the two runs along memory.
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

/// Blocks of `entries` numbers that make a task worth a thread.
inline int64_t blocks_of_task(int64_t entries) {
  return std::max<int64_t>(1, (int64_t(1) << 15) / std::max<int64_t>(1, entries));
}

/// Sums over the positions beyond both ends of one dimension, for every pair of taps (u, v) that see a row from there
/// and all lags along the other dimension. With the usual padding most pairs see none.
class OutsideSums {
 public:
  OutsideSums(const LagAxis& across, int64_t lags, int64_t groups, int64_t channels);

  /// [lag][group][c][c'] of taps that see a row.
  at::TensorAccessor<double, 4> of_taps(int64_t u, int64_t v) const {
    return sums_.accessor<double, 5>()[slots_[size_t(u * kernel_ + v)]];
  }

  /// [c'], also of taps that see none.
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

/// The lines (rows or columns of pixels) at both ends of one dimension, each with all lines of its end at half of the
/// lags along the other dimension: at lag 0 with the lines that follow it, and at all positive lags.
class Strips {
 public:
  Strips(const at::Tensor& x, const LagAxis& across, const LagAxis& along) : x_(x), across_(across), along_(along) {}

  void add_pairings(const Signal& signal, std::vector<Pairing>& pairings);

  /// What positions beyond both ends see.
  OutsideSums outside(const std::vector<at::Tensor>& sums) const;

 private:
  void add_lags(std::vector<Run>& runs, const Signal& signal, int64_t other, int64_t first) const;
  int64_t block(int64_t line, int64_t other, int64_t lag) const;

  const at::Tensor& x_;
  const LagAxis& across_;
  const LagAxis& along_;
  size_t first_pairing_ = 0;
  int64_t channels_ = 0;  // per group
};

/// The pixels of the four corners, each with those of its corner that do not come before it.
class Corners {
 public:
  Corners(const at::Tensor& x, const LagAxis& y, const LagAxis& along) : x_(x), y_(y), along_(along) {}

  void add_pairings(const Signal& signal, std::vector<Pairing>& pairings);

  /// Adds what both strips subtract; gram is [groups, c, uy, ux, c', vy, vx].
  void add_to(const at::Tensor& gram, const std::vector<at::Tensor>& sums) const;

 private:
  int64_t pixels() const { return y_.strip * along_.strip; }

  const at::Tensor& x_;
  const LagAxis& y_;
  const LagAxis& along_;
  size_t first_pairing_ = 0;
};

}  // namespace proxprop
