#pragma once
// Products of dense matrices at the rate of the processor's registers: packed panels, register tiles, threads.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop {

/// A matrix that is read where it lies: element (i, k) is data[i * row_stride + k * depth_stride].
template <typename T>
struct Operand {
  const T* data;
  int64_t rows;
  int64_t depth;  ///< the dimension that the product sums over
  int64_t row_stride;
  int64_t depth_stride;
};

/// Which part of a product is computed: all of it, or what lies on and below the diagonal.
enum class Part { all, lower };

/// What becomes of the entries that a product is written to.
enum class Write { overwrite, add, subtract };

/// out[i * out_stride + j] = sum over k of a(i, k) b(j, k), summed in `Sum`, or out plus or minus that. Entries above the
/// diagonal are not touched with `Part::lower`. Every entry is summed by one thread in a fixed order: the result does
/// not depend on the number of threads. `out` must not overlap a or b.
template <typename T, typename Sum>
void dense_product(
    const Operand<T>& a,
    const Operand<T>& b,
    Sum* out,
    int64_t out_stride,
    Part part = Part::all,
    Write write = Write::overwrite);

/// a b for [M, K] and [K, N] of one dtype, any strides. float32 or float64 on the CPU with at least AVX2 goes through
/// `dense_product`, everything else through ATen.
at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b);

/// `matrix_product` for every matrix of two batches [groups, M, K] and [groups, K, N].
at::Tensor batched_product(const at::Tensor& a, const at::Tensor& b);

/// `matrix_product` with float64 products and sums, float64 result, whatever the dtype of a and b (which is one).
at::Tensor accurate_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace proxprop
