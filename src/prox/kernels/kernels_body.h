// The body of the kernels, compiled once per instruction set. The including file defines PROXPROP_ISA (a namespace),
// PROXPROP_VECTOR_BYTES and PROXPROP_REGISTERS (vector registers of the instruction set).

#include "prox/kernels/kernels.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace proxprop::PROXPROP_ISA {

namespace {

template <typename T>
constexpr int lanes = PROXPROP_VECTOR_BYTES / sizeof(T);

template <typename T>
using Vector __attribute__((vector_size(PROXPROP_VECTOR_BYTES))) = T;

template <typename T>
inline Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

template <typename T, typename V>
inline void store(T* to, const V& v) {
  std::memcpy(to, &v, sizeof(v));
}

// to[lane] += v[lane], in float64.
inline void add_to_double(double* to, const Vector<double>& v) {
  store(to, load<double>(to) + v);
}

inline void add_to_double(double* to, const Vector<float>& v) {
  typedef float Half __attribute__((vector_size(PROXPROP_VECTOR_BYTES / 2)));
  Half halves[2];
  std::memcpy(halves, &v, sizeof(v));
  add_to_double(to, __builtin_convertvector(halves[0], Vector<double>));
  add_to_double(to + lanes<double>, __builtin_convertvector(halves[1], Vector<double>));
}

// sums[i][v] += left(i) * right(v): what all three tiles do for each term of their sums. Inlined, so that the
// accumulators are registers.
template <typename T, int Height, int Width, typename Left, typename Right>
inline __attribute__((always_inline)) void add_outer_product(
    Vector<T> (&sums)[Height][Width], const Left& left, const Right& right) {
  Vector<T> operands[Width];
#pragma GCC unroll 16
  for (int v = 0; v < Width; ++v) {
    operands[v] = load<T>(right(v));
  }
#pragma GCC unroll 8
  for (int i = 0; i < Height; ++i) {
    const T scalar = left(i);
#pragma GCC unroll 16
    for (int v = 0; v < Width; ++v) {
      sums[i][v] += scalar * operands[v];
    }
  }
}

// Height x 3 accumulators, 3 operands, 1 broadcast: fills 16 registers with height 4 and 32 with height 8.
constexpr int dense_width = 3;
template <typename T>
constexpr int dense_height = std::min<int>(PROXPROP_REGISTERS / 4, lanes<T>);

template <typename T>
void dense_tile(const DenseTile<T>& tile) {
  constexpr int height = dense_height<T>;
  Vector<T> sums[height][dense_width] = {};
  const T* a = tile.a;
  const T* b = tile.b;
  for (int64_t k = 0; k < tile.depth; ++k, a += lanes<T>, b += lanes<T>) {
    add_outer_product<T>(
        sums, [&](int i) { return a[i]; }, [&](int v) { return b + v * tile.b_stride; });
  }
#pragma GCC unroll 8
  for (int i = 0; i < height; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < dense_width; ++v) {
      T* out = tile.out + i * tile.out_stride + v * lanes<T>;
      store(out, tile.accumulate ? load(out) + sums[i][v] : sums[i][v]);
    }
  }
}

// Of two vectors a and b seen as rows of 2 x 2 blocks of `Size` elements: the blocks of both rows at one place.
template <int Size, bool Second, typename V, size_t... I>
inline V blocks_of(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr auto count = sizeof...(I);
  return __builtin_shufflevector(
      a, b, int(I / Size % 2 == 0 ? I + (Second ? Size : 0) : count + I - (Second ? 0 : Size))...);
}

// In place, one halving of the block size after the other.
template <typename T, int Size = lanes<T> / 2>
inline __attribute__((always_inline)) void transpose(Vector<T> (&rows)[lanes<T>]) {
  if constexpr (Size > 0) {
    constexpr auto all = std::make_index_sequence<size_t(lanes<T>)>();
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i) {
      if (i / Size % 2 == 0) {
        const auto a = rows[i], b = rows[i + Size];
        rows[i] = blocks_of<Size, false>(a, b, all);
        rows[i + Size] = blocks_of<Size, true>(a, b, all);
      }
    }
    transpose<T, Size / 2>(rows);
  }
}

template <typename T>
void pack_panel(const PanelPacking<T>& packing) {
  int64_t k = 0;
  for (; k + lanes<T> <= packing.depth; k += lanes<T>) {
    Vector<T> block[lanes<T>];
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i) {
      block[i] = load(packing.rows + i * packing.row_stride + k) * packing.sign;
    }
    transpose<T>(block);
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i) {
      store(packing.to + (k + i) * lanes<T>, block[i]);
    }
  }
  for (; k < packing.depth; ++k) {
    for (int i = 0; i < lanes<T>; ++i) {
      packing.to[k * lanes<T> + i] = packing.sign * packing.rows[i * packing.row_stride + k];
    }
  }
}

template <typename T, int Height, int Width>
void correlation_tile(const CorrelationTile<T>& tile) {
  Vector<T> sums[Height][Width] = {};
  const T* shifted[Width];
#pragma GCC unroll 16
  for (int v = 0; v < Width; ++v) {
    shifted[v] = tile.b + tile.offsets[v];
  }
  for (int64_t z = 0; z < tile.positions[0]; ++z) {
    for (int64_t y = 0; y < tile.positions[1]; ++y) {
      const T* a = tile.a + z * tile.a_step[0] + y * tile.a_step[1];
      int64_t t = z * tile.b_step[0] + y * tile.b_step[1];
      for (int64_t x = 0; x < tile.positions[2]; ++x, a += tile.a_step[2], t += tile.b_step[2]) {
        add_outer_product<T>(
            sums, [&](int i) { return a[i * tile.a_channel]; }, [&](int v) { return shifted[v] + t; });
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Height; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < Width; ++v) {
      add_to_double(tile.sums + i * tile.sums_stride + v * lanes<T>, sums[i][v]);
    }
  }
}

// Terms per lane that are summed in T.
constexpr int64_t terms_of_sum = 32;

template <typename T>
double sum(const T* values, int64_t count) {
  double total = 0;
  int64_t i = 0;
  while (i + lanes<T> <= count) {
    double wide[lanes<T>] = {};
    const auto last = std::min(count - lanes<T>, i + (terms_of_sum - 1) * lanes<T>);
    Vector<T> partial = {};
    for (; i <= last; i += lanes<T>) {
      partial += load(values + i);
    }
    add_to_double(wide, partial);
    for (const double lane : wide) {
      total += lane;
    }
  }
  for (; i < count; ++i) {
    total += double(values[i]);
  }
  return total;
}

// Width that leaves room for the operands: Height * Width + Width + 1 registers.
constexpr int correlation_width(int height) {
  return std::max(1, (PROXPROP_REGISTERS - 1) / (height + 1));
}

constexpr int largest_height = PROXPROP_REGISTERS / 4;

template <typename T, int Height, int Width>
void convolution_tile(const ConvolutionTile<T>& tile) {
  Vector<T> sums[Height][Width];
  const T* places[Width];
#pragma GCC unroll 16
  for (int v = 0; v < Width; ++v) {
    places[v] = tile.input + tile.positions[v];
#pragma GCC unroll 8
    for (int i = 0; i < Height; ++i) {
      sums[i][v] = Vector<T>{} + tile.start[i];
    }
  }
  const T* weights = tile.weights;
  for (int64_t t = 0; t < tile.taps; ++t, weights += Height) {
    const auto offset = tile.offsets[t];
    add_outer_product<T>(
        sums, [&](int i) { return weights[i]; }, [&](int v) { return places[v] + offset; });
  }
#pragma GCC unroll 8
  for (int i = 0; i < Height; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < Width; ++v) {
      store(tile.out + i * tile.out_stride + v * lanes<T>, sums[i][v]);
    }
  }
}

template <typename T, int Height, int Width>
void run_tile(const CorrelationTile<T>& tile) {
  correlation_tile<T, Height, Width>(tile);
}
template <typename T, int Height, int Width>
void run_tile(const ConvolutionTile<T>& tile) {
  convolution_tile<T, Height, Width>(tile);
}

// The instance for a tile's height and width.
template <typename T, template <typename> class Tile, int Height, int Width>
void narrow_to_width(const Tile<T>& tile) {
  if constexpr (Width > 1) {
    if (tile.width < Width) {
      return narrow_to_width<T, Tile, Height, Width - 1>(tile);
    }
  }
  run_tile<T, Height, Width>(tile);
}

template <typename T, template <typename> class Tile, int Height>
void narrow_to_height(const Tile<T>& tile) {
  if constexpr (Height > 1) {
    if (tile.height < Height) {
      return narrow_to_height<T, Tile, Height - 1>(tile);
    }
  }
  narrow_to_width<T, Tile, Height, correlation_width(Height)>(tile);
}

// Tiles of equal height up to one: 20 channels in tiles of at most 8 gives 7, 7 and 6, not 8, 8 and 4.
TileShape correlation_shape(int64_t channels) {
  const auto tiles = std::max<int64_t>(1, (channels + largest_height - 1) / largest_height);
  const auto height = int(std::max<int64_t>(1, (channels + tiles - 1) / tiles));
  return {height, correlation_width(height)};
}

template <typename T>
const Kernels<T> table{
    lanes<T>,
    {dense_height<T>, dense_width},
    dense_tile<T>,
    pack_panel<T>,
    correlation_shape,
    narrow_to_height<T, CorrelationTile, largest_height>,
    narrow_to_height<T, ConvolutionTile, largest_height>,
    sum<T>,
};

using Doubles = Vector<double>;

// numerator / denominator, and zero where the denominator is exactly zero: that system is solved. NaN passes through.
inline Doubles safe_quotient(const Doubles& numerator, const Doubles& denominator) {
  Doubles quotient;
  for (int i = 0; i < lanes<double>; ++i) {
    quotient[i] = denominator[i] == 0 ? 0.0 : numerator[i] / denominator[i];
  }
  return quotient;
}

// One vector of systems, `stride` elements apart in the rows of the arrays. See conjugate_gradient.cpp for the
// iteration; here <x, y> = x^T D y and M x = (beta + D) x.
bool solve_systems(const DiagonalSystems& systems, int64_t stride) {
  const auto n = systems.n;
  const auto beta = systems.beta;
  const double* d = systems.diagonal;
  Doubles squared_norm = {}, coefficients = {};
  for (int64_t s = 0; s < n; ++s) {
    const auto r = load(systems.r + s * stride);
    coefficients += r * r;
    store(systems.x + s * stride, Doubles{});
    store(systems.p + s * stride, r);
    squared_norm += d[s] * r * r;
  }
  Doubles target = squared_norm * systems.squared_tolerance;
  for (int i = 0; i < lanes<double>; ++i) {
    const auto rounding = coefficients[i] * systems.rounding;
    target[i] = target[i] < rounding ? rounding : target[i];
  }
  bool converged = false;
  for (int64_t iteration = 0; iteration < systems.iterations && !converged; ++iteration) {
    Doubles curvature = {};
    for (int64_t s = 0; s < n; ++s) {
      const auto p = load(systems.p + s * stride);
      curvature += d[s] * (beta + d[s]) * p * p;
    }
    auto step = safe_quotient(squared_norm, curvature);
    for (int i = 0; i < lanes<double>; ++i) {
      step[i] = squared_norm[i] <= target[i] ? 0.0 : step[i];
    }
    Doubles next = {};
    for (int64_t s = 0; s < n; ++s) {
      const auto p = load(systems.p + s * stride);
      const auto r = load(systems.r + s * stride) - step * (beta + d[s]) * p;
      store(systems.x + s * stride, load(systems.x + s * stride) + step * p);
      store(systems.r + s * stride, r);
      next += d[s] * r * r;
    }
    converged = true;
    for (int i = 0; i < lanes<double>; ++i) {
      converged = converged && next[i] <= target[i];
    }
    const auto momentum = safe_quotient(next, squared_norm);
    for (int64_t s = 0; s < n; ++s) {
      double* p = systems.p + s * stride;
      store(p, load(systems.r + s * stride) + momentum * load(p));
    }
    squared_norm = next;
  }
  return converged;
}

constexpr int64_t system_vectors = 2;

bool conjugate_gradient(const DiagonalSystems& systems) {
  bool converged = true;
  for (int64_t v = 0; v < system_vectors; ++v) {
    auto part = systems;
    for (auto* array : {&part.x, &part.r, &part.p}) {
      *array += v * lanes<double>;
    }
    converged = solve_systems(part, system_vectors * lanes<double>) && converged;
  }
  return converged;
}

const DiagonalKernel diagonal_table{system_vectors * lanes<double>, conjugate_gradient};

}  // namespace

const DiagonalKernel& diagonal_kernel() {
  return diagonal_table;
}
const Kernels<float>& float_kernels() {
  return table<float>;
}
const Kernels<double>& double_kernels() {
  return table<double>;
}

}  // namespace proxprop::PROXPROP_ISA
