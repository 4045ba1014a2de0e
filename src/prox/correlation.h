#pragma once

#include <cstdint>

namespace proxprop {

/// Cross-correlation of two sets of signals at given offsets, the kernel under the convolution's Gram and weight gradient:
///
///     sums[(o * a_count + p) * b_count + q] += sum over t in [0, length) of a[p][t] * b[q][t + offsets[o]]
///
/// Products are summed in the signals' own type over at most `length` / (vector lanes) terms per lane, then in float64:
/// keep `length` near 1,000. `length` must be a multiple of `correlation_granularity`, and b readable up to
/// length + the largest offset.
template <typename T>
struct CorrelationTask {
  const T* a;
  int64_t a_stride;
  int64_t a_count;
  const T* b;
  int64_t b_stride;
  int64_t b_count;
  const int64_t* offsets;
  int64_t offset_count;
  int64_t length;
  double* sums;
};

constexpr int64_t correlation_granularity = 16;

/// Runs on the best instruction set of this processor (AVX-512, AVX2 with FMA, or the compiler's baseline).
void correlate(const CorrelationTask<float>& task);
void correlate(const CorrelationTask<double>& task);

/// "AVX-512", "AVX2" or "baseline"; for reports.
const char* correlation_instruction_set();

namespace avx512 {
void correlate(const CorrelationTask<float>& task);
void correlate(const CorrelationTask<double>& task);
}  // namespace avx512
namespace avx2 {
void correlate(const CorrelationTask<float>& task);
void correlate(const CorrelationTask<double>& task);
}  // namespace avx2
namespace baseline {
void correlate(const CorrelationTask<float>& task);
void correlate(const CorrelationTask<double>& task);
}  // namespace baseline

}  // namespace proxprop
