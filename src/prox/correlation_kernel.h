// The body of correlate(), compiled once per instruction set. The including file defines PROXPROP_ISA (a namespace),
// PROXPROP_VECTOR_BYTES, PROXPROP_TILE_A and PROXPROP_TILE_B (registers: A * B accumulators, A + 1 operands).

#include "prox/correlation.h"

#include <algorithm>
#include <cstring>

namespace proxprop::PROXPROP_ISA {

namespace {

template <typename T>
struct Lanes {
  static constexpr int64_t count = PROXPROP_VECTOR_BYTES / sizeof(T);
  typedef T Vector __attribute__((vector_size(PROXPROP_VECTOR_BYTES)));

  static inline Vector load(const T* from) {
    Vector v;
    std::memcpy(&v, from, sizeof(v));
    return v;
  }
  static inline double sum(const Vector& v) {
    if constexpr (sizeof(T) == sizeof(double)) {
      return add_lanes(v);
    } else {
      typedef T Half __attribute__((vector_size(PROXPROP_VECTOR_BYTES / 2)));
      Half halves[2];
      std::memcpy(halves, &v, sizeof(v));
      return add_lanes(__builtin_convertvector(halves[0], Doubles) + __builtin_convertvector(halves[1], Doubles));
    }
  }

 private:
  typedef double Doubles __attribute__((vector_size(PROXPROP_VECTOR_BYTES)));

  static inline double add_lanes(const Doubles& v) {
    double total = 0;
    for (size_t i = 0; i < PROXPROP_VECTOR_BYTES / sizeof(double); ++i) {
      total += v[i];
    }
    return total;
  }
};

// A x B dot products at once. Every operand loaded is used A or B times.
template <typename T, int A, int B>
inline void tile(const CorrelationTask<T>& task, int64_t p, int64_t q, int64_t o) {
  using L = Lanes<T>;
  const T* a = task.a + p * task.a_stride;
  const T* b = task.b + q * task.b_stride + task.offsets[o];
  typename L::Vector sums[A][B] = {};
  for (int64_t t = 0; t < task.length; t += L::count) {
    typename L::Vector left[A];
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) {
      left[i] = L::load(a + i * task.a_stride + t);
    }
#pragma GCC unroll 8
    for (int j = 0; j < B; ++j) {
      const auto right = L::load(b + j * task.b_stride + t);
#pragma GCC unroll 8
      for (int i = 0; i < A; ++i) {
        sums[i][j] += left[i] * right;
      }
    }
  }
  double* out = task.sums + (o * task.a_count + p) * task.b_count + q;
  for (int i = 0; i < A; ++i) {
    for (int j = 0; j < B; ++j) {
      out[i * task.b_count + j] += L::sum(sums[i][j]);
    }
  }
}

template <typename T, int A, int B>
void tile_at_all_offsets(const CorrelationTask<T>& task, int64_t p, int64_t q) {
  for (int64_t o = 0; o < task.offset_count; ++o) {
    tile<T, A, B>(task, p, q, o);
  }
}

// Picks the instance for a tile of `height` x `width`, at most A x B.
template <typename T, int A, int B>
void dispatch_tile(const CorrelationTask<T>& task, int64_t p, int64_t q, int64_t height, int64_t width) {
  if constexpr (A > 1) {
    if (height < A) {
      return dispatch_tile<T, A - 1, B>(task, p, q, height, width);
    }
  }
  if constexpr (B > 1) {
    if (width < B) {
      return dispatch_tile<T, A, B - 1>(task, p, q, height, width);
    }
  }
  tile_at_all_offsets<T, A, B>(task, p, q);
}

// Tiles of equal size up to one: 16 in tiles of at most 5 gives 4 tiles of 4, not 3 of 5 and one of 1.
inline int64_t even_tile(int64_t count, int64_t largest) {
  const auto tiles = (count + largest - 1) / largest;
  return (count + tiles - 1) / tiles;
}

template <typename T>
void correlate_all(const CorrelationTask<T>& task) {
  const auto height = even_tile(task.a_count, PROXPROP_TILE_A);
  const auto width = even_tile(task.b_count, PROXPROP_TILE_B);
  for (int64_t p = 0; p < task.a_count; p += height) {
    for (int64_t q = 0; q < task.b_count; q += width) {
      dispatch_tile<T, PROXPROP_TILE_A, PROXPROP_TILE_B>(
          task, p, q, std::min(height, task.a_count - p), std::min(width, task.b_count - q));
    }
  }
}

}  // namespace

void correlate(const CorrelationTask<float>& task) {
  correlate_all(task);
}
void correlate(const CorrelationTask<double>& task) {
  correlate_all(task);
}

}  // namespace proxprop::PROXPROP_ISA
