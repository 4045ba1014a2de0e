// With the images extended by zeros to periods P = size + largest lag no wanted lag wraps around, and with S the
// cross-spectral matrices of the images
//
//     R[c, c'](l) = 1 / P sum over frequencies k of conj(S[c, c'](k)) e^(2 pi i k l / P)
//                 = sum over kept k of weight (re S[c, c'](k) cos + im S[c, c'](k) sin)(2 pi k l / P).

#include "prox/fourier_lags.h"

#include "prox/cross_spectra.h"
#include "prox/dense_product.h"
#include "prox/parallel_tasks.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace proxprop {

namespace {

// Terms of a product that are summed in the images' type.
constexpr int64_t images_at_a_time = 128;
// Rows of channels that one task transforms back: two cache lines of what it writes transposed.
constexpr int64_t channels_of_task = 16;
// Spectra, and cross-spectral matrices, that are held at a time.
constexpr int64_t largest_bytes = int64_t(128) << 20;

// Measured weights of the estimate, in operations that the register tiles do meanwhile: what calls of short products
// cost, by how many columns a triangle's edge widens a product, and what it takes to widen a number to float64 and to
// read a pixel twice (here and for the borders).
constexpr double transform_call = 2.3e5;
constexpr double products_of_frequency = 1.5e6;
constexpr double edge_columns = 48;
constexpr double widening = 60;
constexpr double second_reading = 200;

// Half of the lags (the others are transposes): 0, the positive ones of its row, then whole rows.
std::vector<std::array<int64_t, 2>> half_of(const LagGrid& lags) {
  std::vector<std::array<int64_t, 2>> half;
  for (int64_t dy = 0; dy < lags.kernel[0]; ++dy) {
    for (auto dx = dy == 0 ? 0 : 1 - lags.kernel[1]; dx < lags.kernel[1]; ++dx) {
      half.push_back({dy, dx});
    }
  }
  return half;
}

// No wanted lag wraps around.
std::array<PeriodicAxis, 2> periodic_axes(const at::Tensor& images, const LagGrid& lags) {
  std::array<PeriodicAxis, 2> axes{};
  for (size_t i = 0; i < 2; ++i) {
    const auto size = images.size(2 + int64_t(i));
    axes[i] = {size, size + (lags.kernel[i] - 1) * lags.dilation[i]};
  }
  return axes;
}

// Images are transformed in so many chunks of about equal size.
int64_t chunks_of(const at::Tensor& images, int64_t parts) {
  const auto image_bytes = std::max<int64_t>(1, parts * images.size(1) * images.element_size());
  const auto chunk = std::clamp<int64_t>(largest_bytes / image_bytes, 1, images_at_a_time);
  return (images.size(0) + chunk - 1) / chunk;
}

template <typename T>
class FourierLags {
 public:
  using Component = typename CrossSpectra<T>::Component;

  FourierLags(const at::Tensor& images, const LagGrid& lags, int64_t groups)
      : images_(images), lags_(lags), half_(half_of(lags)), groups_(groups), channels_(images.size(1) / groups) {}

  at::Tensor run() {
    const auto [y, x] = periodic_axes(images_, lags_);
    const auto images = images_.size(0), chunks = chunks_of(images_, y.period * x.period);
    CrossSpectra<T> spectra(y, x, images_.size(1), groups_, (images + chunks - 1) / std::max<int64_t>(1, chunks));
    set_weights(y, x, spectra.frequencies());
    const auto result = zero_scratch({2 * lags_.kernel[0] - 1, 2 * lags_.kernel[1] - 1, groups_, channels_, channels_});
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const auto first = images * chunk / chunks;
      spectra.compute(images_.narrow(0, first, images * (chunk + 1) / chunks - first));
      add_lags(spectra, result);
    }
    return result;
  }

 private:
  void set_weights(const PeriodicAxis& y, const PeriodicAxis& x, const std::vector<Frequency>& frequencies) {
    for (const auto& [dy, dx] : half_) {
      const auto shift_y = dy * lags_.dilation[0], shift_x = dx * lags_.dilation[1] + x.period;
      for (const auto& f : frequencies) {
        const auto angle = y.angle(f.y, shift_y) + x.angle(f.x, shift_x);
        const auto weight = (f.real ? 1.0 : 2.0) / double(y.period * x.period);
        cosines_.push_back(weight * std::cos(angle));
        sines_.push_back(weight * std::sin(angle));
      }
    }
  }

  // A task is a few rows of channels. The sums over frequencies of the cosines are even in the lag, those of the sines
  // odd.
  void add_lags(const CrossSpectra<T>& spectra, const at::Tensor& result) const {
    const auto blocks = (channels_ + channels_of_task - 1) / channels_of_task;
    in_parallel(groups_ * blocks, true, [&](int64_t task) {
      const auto group = task % groups_;
      const auto first = (blocks - 1 - task / groups_) * channels_of_task;  // the longest rows first
      const auto last = std::min(channels_, first + channels_of_task);
      // Rows of a power of two would compete for one place in the cache.
      const auto row_stride = last + 8, lag_stride = channels_of_task * row_stride;
      static thread_local std::vector<double> even, odd;
      even.resize(half_.size() * size_t(lag_stride));
      odd.resize(half_.size() * size_t(lag_stride));
      for (auto c = first; c < last; ++c) {
        const auto row = (c - first) * row_stride;
        sum_frequencies(spectra, Component::real, group, c, even.data() + row, lag_stride);
        sum_frequencies(spectra, Component::imaginary, group, c, odd.data() + row, lag_stride);
      }
      for (size_t lag = 0; lag < half_.size(); ++lag) {
        const auto place = int64_t(lag) * lag_stride;
        add_lag(result, half_[lag], group, {first, last}, even.data() + place, odd.data() + place, row_stride);
      }
    });
  }

  // out[lag * lag_stride + d] for d <= c.
  void sum_frequencies(
      const CrossSpectra<T>& spectra, Component component, int64_t group, int64_t c, double* out, int64_t lag_stride)
      const {
    const auto lags = int64_t(half_.size()), row = c + 1;
    const auto all = int64_t(spectra.frequencies().size()), count = spectra.count(component);
    static thread_local std::vector<double> values;
    values.resize(size_t(count * row));
    spectra.row(component, group, c, values.data());
    const auto& weights = component == Component::real ? cosines_ : sines_;
    dense_product<double, double>(
        {weights.data(), lags, count, all, 1}, {values.data(), row, count, 1, row}, out, lag_stride);
  }

  // R[c, c'](l) = even + odd = R[c', c](-l) and R[c, c'](-l) = even - odd = R[c', c](l), for the rows of one task.
  void add_lag(
      const at::Tensor& result,
      const std::array<int64_t, 2>& lag,
      int64_t group,
      const std::array<int64_t, 2>& rows,
      const double* even,
      const double* odd,
      int64_t stride) const {
    const auto all = result.accessor<double, 5>();
    const auto at_lag = [&](int64_t sign) {
      return all[lags_.kernel[0] - 1 + sign * lag[0]][lags_.kernel[1] - 1 + sign * lag[1]][group];
    };
    auto forward = at_lag(1), backward = at_lag(-1);
    const bool zero = lag[0] == 0 && lag[1] == 0;
    for (auto c = rows[0]; c < rows[1]; ++c) {
      const auto row = (c - rows[0]) * stride;
      for (int64_t d = 0; d <= c; ++d) {
        forward[c][d] += even[row + d] + odd[row + d];
      }
      for (int64_t d = 0; d <= c && !zero; ++d) {
        backward[c][d] += even[row + d] - odd[row + d];
      }
    }
    for (int64_t d = 0; d < rows[1]; ++d) {
      for (auto c = std::max(rows[0], d + 1); c < rows[1]; ++c) {
        const auto place = (c - rows[0]) * stride + d;
        forward[d][c] += even[place] - odd[place];
        if (!zero) {
          backward[d][c] += even[place] + odd[place];
        }
      }
    }
  }

  const at::Tensor& images_;
  LagGrid lags_;
  std::vector<std::array<int64_t, 2>> half_;
  int64_t groups_, channels_;            // per group
  std::vector<double> cosines_, sines_;  // [lag][frequency], weighted
};

}  // namespace

at::Tensor fourier_lags(const at::Tensor& images, const LagGrid& lags, int64_t groups) {
  return images.scalar_type() == at::kDouble ? FourierLags<double>(images, lags, groups).run()
                                             : FourierLags<float>(images, lags, groups).run();
}

double fourier_lags_flops(const at::Tensor& images, const LagGrid& lags, int64_t groups) {
  const auto [y, x] = periodic_axes(images, lags);
  const auto period = y.period * x.period;
  const auto parts = double(period), channels = double(images.size(1)), per_group = channels / double(groups);
  if (parts * channels * per_group * double(images.element_size()) > double(largest_bytes)) {
    return std::numeric_limits<double>::infinity();
  }
  const auto chunks = double(chunks_of(images, period));
  const auto pixels = double(images.size(0)) * channels * double(y.size * x.size);
  const auto along_x = pixels * double(x.period), along_y = y.period == 1 ? 0 : pixels / double(x.size) * 2 * parts;
  const auto calls = double(y.size + (y.period == 1 ? 0 : x.half()));
  const auto transforms = 2 * 2 * (along_x + along_y) + chunks * channels * calls * transform_call;
  const auto products = 2 * parts * double(images.size(0)) * channels * (per_group + edge_columns) +
                        chunks * parts / 2 * double(groups) * products_of_frequency;
  const auto back = chunks * channels * per_group * parts * (4 * double(half_of(lags).size()) + widening);
  return transforms + products + back + pixels * second_reading;
}

double fourier_lags_bytes(const at::Tensor& images, const LagGrid& lags, int64_t groups) {
  const auto [y, x] = periodic_axes(images, lags);
  const auto parts = y.period * x.period, chunks = std::max<int64_t>(1, chunks_of(images, parts));
  const auto channels = double(images.size(1));
  const auto chunk = double((images.size(0) + chunks - 1) / chunks);
  const auto spectra = double(parts) * channels * chunk;
  const auto products = double(parts) * channels * channels / double(groups);
  const auto means = double(parts + 2) * channels;
  return double(images.element_size()) * (spectra + products) + 8 * means;
}

}  // namespace proxprop
