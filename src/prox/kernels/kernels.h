#pragma once
// The inner loops of this library, compiled once per instruction set and chosen at run time. All three tiles keep their
// accumulators in registers and, per term of the sum, multiply a few broadcast scalars with a few vectors.

#include "prox/kernels/instruction_set.h"

#include <array>
#include <cstdint>

namespace proxprop {

/// A tile of a matrix product: out[i][j] = sum over k of a[k][i] b[k][j] for `height` x (`width` vectors).
template <typename T>
struct DenseTile {
  const T* a;        ///< a[k * lanes + i]: `height` consecutive rows of a panel
  const T* b;        ///< b[v * b_stride + k * lanes + lane]: `width` panels
  int64_t b_stride;  ///< from one panel to the next
  int64_t depth;     ///< terms of the sum
  T* out;            ///< out[i * out_stride + j]
  int64_t out_stride;
  bool accumulate;  ///< add to `out` instead of overwriting it
};

/// A tile of a correlation of signals with their shifted selves or others:
///
///     sums[i][v * lanes + j] +=
///         sum over positions t = (z, y, x) of a[t . a_step + i * a_channel] * b[t . b_step + offsets[v] + j]
///
/// for i < `height` and v < `width`. Products are summed in T over all positions of the tile, then in float64: keep
/// the tile near `correlation_terms` positions.
template <typename T>
struct CorrelationTile {
  const T* a;
  const T* b;
  std::array<int64_t, 3> positions;
  std::array<int64_t, 3> a_step, b_step;
  int64_t a_channel;
  const int64_t* offsets;
  double* sums;  ///< sums[i * sums_stride + v * lanes + j]
  int64_t sums_stride;
  int height;  ///< 1 .. height of the shape that `correlation_shape` gave
  int width;   ///< 1 .. its width
};

/// A tile of a convolution of one padded image:
///
///     out[i][v * lanes + j] = start[i] + sum over taps t of weights[t * height + i] input[positions[v] + offsets[t] +
///     j]
///
/// for i < `height` and v < `width`.
template <typename T>
struct ConvolutionTile {
  const T* weights;
  const T* start;
  int64_t taps;
  const int64_t* offsets;
  const T* input;
  const int64_t* positions;
  T* out;
  int64_t out_stride;
  int height;
  int width;
};

/// Packs whole vectors of a panel: to[k * lanes + i] = sign * rows[i * row_stride + k] for i < lanes and k < depth.
template <typename T>
struct PanelPacking {
  const T* rows;
  int64_t row_stride;
  int64_t depth;
  T sign;
  T* to;
};

/// Terms that are summed in the signals' own type before float64 takes over.
constexpr int64_t correlation_terms = 128;

/// Height (broadcast scalars) and width (vectors) of a full tile.
struct TileShape {
  int height;
  int width;
};

template <typename T>
struct Kernels {
  int64_t lanes;                       ///< elements of a vector; panels are this wide
  TileShape dense_shape;               ///< height divides lanes
  void (*dense)(const DenseTile<T>&);  ///< full tiles only
  void (*pack)(const PanelPacking<T>&);
  TileShape (*correlation_shape)(int64_t channels);  ///< the tile to cut `channels` rows into
  void (*correlation)(const CorrelationTile<T>&);
  void (*convolution)(const ConvolutionTile<T>&);  ///< shapes as `correlation`
  double (*sum)(const T* values, int64_t count);   ///< in T over few terms per lane, then in float64
};

template <typename T>
const Kernels<T>& kernels();

/// `value` up to the next multiple, e.g. of the lanes.
constexpr int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Conjugate gradients on (beta I + D) in the metric of a diagonal D >= 0, for `width` right-hand sides at
/// once: all arrays are [n][width], `r` holds the right-hand sides on entry and `x` the solutions on exit.
struct DiagonalSystems {
  int64_t n;
  const double* diagonal;  ///< [n]
  double beta;
  int64_t iterations;
  /// A system whose squared residual is below this times its first one stands still; 0: never.
  double squared_tolerance;
  double rounding;  ///< times |r|^2 of the right-hand side: squared norm of a residual that is rounding alone
  double* x;
  double* r;
  double* p;
};

struct DiagonalKernel {
  int64_t width;
  /// Returns whether every system reached the tolerance.
  bool (*conjugate_gradient)(const DiagonalSystems&);
};

const DiagonalKernel& diagonal_kernel();

}  // namespace proxprop
