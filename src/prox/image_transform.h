#pragma once
// The discrete Fourier transform of batches of small real images.
//
// Images are extended by zeros to a period of any length: transforms this short are products with their matrices, which
// run at the rate of the processor whatever the factors of the period are. As images are real, frequency -k is the
// conjugate of k, and one of the two is kept. The parts of the spectra are the real and imaginary parts of the
// frequencies that are kept; there are as many as pixels in a period.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// One dimension: `size` pixels, zeros up to `period`.
struct PeriodicAxis {
  int64_t size;
  int64_t period;

  /// Whether real signals have no imaginary part at this frequency.
  bool is_real(int64_t frequency) const { return 2 * frequency % period == 0; }
  /// Frequencies of real signals that are kept: 0 .. period / 2.
  int64_t half() const { return period / 2 + 1; }
  /// 2 pi `frequency` `position` / period.
  double angle(int64_t frequency, int64_t position) const;
};

/// A frequency that is kept. Its real part is `part`, its imaginary part, where it has one, the next.
struct Frequency {
  int64_t y, x;
  int64_t part;
  bool real;
};

/// Those with an imaginary part first.
std::vector<Frequency> kept_frequencies(const PeriodicAxis& y, const PeriodicAxis& x);

/// CPU, float32 or float64.
template <typename T>
class ImageTransform {
 public:
  ImageTransform(const PeriodicAxis& y, const PeriodicAxis& x);

  int64_t parts() const { return y_.period * x_.period; }

  /// spectra[part][c][n] = sum over pixels p of images[n, c](p) e^(-2 pi i k p / period), for images [N, C, y, x] of
  /// type T with any strides.
  void run(const at::Tensor& images, T* spectra) const;

 private:
  void transform_channel(const at::Tensor& images, int64_t channel, T* spectra) const;

  PeriodicAxis y_, x_;
  std::vector<T> rows_;             // of real rows
  std::vector<T> real_columns_;     // of columns at frequencies of x without an imaginary part
  std::vector<T> complex_columns_;  // of the others
};

}  // namespace proxprop
