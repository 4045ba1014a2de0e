#pragma once
// Correlations of batches of images, the work under the Gram matrix and the weight gradient of a convolution.
//
// The images of one group are packed with their channels last and zeros around them. A pixel's neighbours along x then
// follow it in memory, so that what a kernel row sees at one position is one run of elements; a correlation is, over
// all positions, the sum of outer products of a short run (left) with longer ones (right).

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace proxprop {

/// Three spatial dimensions (z, y, x); missing leading ones have size 1.
using Extent = std::array<int64_t, 3>;

/// `values` behind leading entries of `missing`.
Extent extent(at::IntArrayRef values, int64_t missing);

/// Images to be packed, and how positions walk over them.
struct Signal {
  at::Tensor images;       ///< [N, C, *], any strides
  Extent size{1, 1, 1};    ///< their spatial size
  Extent before{0, 0, 0};  ///< zero pixels in front of the first one of each dimension
  Extent after{0, 0, 0};   ///< and behind the last one
  Extent origin{0, 0, 0};  ///< the padded pixel of position (0, 0, 0)
  Extent stride{1, 1, 1};  ///< pixels from one position to the next
  int64_t channels = 1;    ///< per group

  Extent padded_size() const;
  /// Elements from a pixel to the one at distance `shift`.
  int64_t elements(const Extent& shift) const;
};

/// Consecutive elements, counted from the pixel of the position.
struct Run {
  int64_t start = 0;
  int64_t length = 0;
  /// The last positions along y for which the run holds zeros only: they are not visited.
  int64_t empty_rows = 0;
};

/// One block of the result: sums[left channel][right elements of all runs side by side], over these positions.
struct Pairing {
  Extent positions;
  Run left;
  std::vector<Run> right;
};

/// For every pairing the float64 tensor [groups, left length, total right length] of
///
///     sums[i][j] = sum over images and the pairing's positions of left[position, i] right[position, j].
///
/// The left side is read where it lies: with `left` [N, C, *] (any strides) position p of image n and channel i is
/// left[n, i][p], and the run's start is counted in that tensor's elements. Without it the left runs are runs of
/// `right`. Products are summed in the images' type over at most 128 terms (512 where the sums are many), then in
/// float64. Threads share the images in a fixed order. CPU, float32 or float64.
std::vector<at::Tensor> correlate(
    const std::optional<at::Tensor>& left, const Signal& right, int64_t groups, const std::vector<Pairing>& pairings);

/// The same with one pairing over all positions of `left`, and the sum of each left channel over images and positions,
/// [groups, left length], taken while the images are in cache.
struct CorrelationAndTotals {
  at::Tensor sums;
  at::Tensor totals;
};
CorrelationAndTotals correlate_with_totals(
    const at::Tensor& left, const Signal& right, int64_t groups, const Pairing& pairing);

/// Bytes that either takes at its peak for so many sums over all groups: those of every thread, their total and its
/// blocks.
double correlation_bytes(double sums);

}  // namespace proxprop
