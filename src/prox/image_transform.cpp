#include "prox/image_transform.h"

#include "prox/dense_product.h"
#include "prox/parallel_tasks.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace proxprop {

namespace {

// Of real signals: [period][size]; for every frequency its real and, where it has one, its imaginary part.
template <typename T>
std::vector<T> real_transform_matrix(const PeriodicAxis& axis) {
  std::vector<T> matrix;
  for (int64_t k = 0; k < axis.half(); ++k) {
    for (int64_t x = 0; x < axis.size; ++x) {
      matrix.push_back(T(std::cos(axis.angle(k, x))));
    }
    for (int64_t x = 0; x < axis.size && !axis.is_real(k); ++x) {
      matrix.push_back(T(-std::sin(axis.angle(k, x))));
    }
  }
  return matrix;
}

// Of complex signals: [period][real, imaginary] by [real, imaginary][size].
template <typename T>
std::vector<T> complex_transform_matrix(const PeriodicAxis& axis) {
  std::vector<T> matrix;
  for (int64_t k = 0; k < axis.period; ++k) {
    for (const double quarter : {0.0, 1.0, -1.0, 0.0}) {  // cos, sin, -sin, cos
      for (int64_t x = 0; x < axis.size; ++x) {
        const auto angle = axis.angle(k, x);
        matrix.push_back(T(quarter == 0 ? std::cos(angle) : quarter * std::sin(angle)));
      }
    }
  }
  return matrix;
}

}  // namespace

double PeriodicAxis::angle(int64_t frequency, int64_t position) const {
  return 2 * std::numbers::pi * double(frequency * position % period) / double(period);
}

std::vector<Frequency> kept_frequencies(const PeriodicAxis& y, const PeriodicAxis& x) {
  std::vector<Frequency> frequencies;
  int64_t part = 0;
  for (int64_t kx = 0; kx < x.half(); ++kx) {
    for (int64_t ky = 0; ky < (x.is_real(kx) ? y.half() : y.period); ++ky) {
      const bool real = x.is_real(kx) && y.is_real(ky);
      frequencies.push_back({ky, kx, part, real});
      part += real ? 1 : 2;
    }
  }
  std::stable_partition(frequencies.begin(), frequencies.end(), [](const Frequency& f) { return !f.real; });
  return frequencies;
}

template <typename T>
ImageTransform<T>::ImageTransform(const PeriodicAxis& y, const PeriodicAxis& x)
    : y_(y),
      x_(x),
      rows_(real_transform_matrix<T>(x)),
      real_columns_(real_transform_matrix<T>(y)),
      complex_columns_(complex_transform_matrix<T>(y)) {}

template <typename T>
void ImageTransform<T>::run(const at::Tensor& images, T* spectra) const {
  in_parallel(images.size(1), true, [&](int64_t channel) { transform_channel(images, channel, spectra); });
}

// Along x, then along y. Images are the columns of all products: they end up side by side.
template <typename T>
void ImageTransform<T>::transform_channel(const at::Tensor& batch, int64_t channel, T* spectra) const {
  const auto images = batch.size(0), part_stride = batch.size(1) * images;
  const T* const image = batch.const_data_ptr<T>() + channel * batch.stride(1);
  T* target = spectra + channel * images;

  const bool one_row = y_.period == 1;         // already transformed along y
  static thread_local std::vector<T> along_x;  // [part][y][n]
  along_x.resize(one_row ? 0 : size_t(x_.period * y_.size * images));
  T* const rows = one_row ? target : along_x.data();
  const auto row_part_stride = one_row ? part_stride : y_.size * images;
  for (int64_t y = 0; y < y_.size; ++y) {
    const Operand<T> row{image + y * batch.stride(2), images, x_.size, batch.stride(0), batch.stride(3)};
    dense_product<T, T>({rows_.data(), x_.period, x_.size, x_.size, 1}, row, rows + y * images, row_part_stride);
  }
  const T* column = along_x.data();
  for (int64_t k = 0; k < x_.half() && !one_row; ++k) {
    const int64_t parts = x_.is_real(k) ? 1 : 2;
    const auto depth = parts * y_.size;
    const T* matrix = parts == 1 ? real_columns_.data() : complex_columns_.data();
    dense_product<T, T>(
        {matrix, parts * y_.period, depth, depth, 1}, {column, images, depth, 1, images}, target, part_stride);
    column += depth * images;
    target += parts * y_.period * part_stride;
  }
}

template class ImageTransform<float>;
template class ImageTransform<double>;

}  // namespace proxprop
