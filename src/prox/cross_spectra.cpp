#include "prox/cross_spectra.h"

#include "prox/kernels/kernels.h"
#include "prox/parallel_tasks.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

template <typename T>
CrossSpectra<T>::Workspace::Workspace(int64_t count)
    : storage_(scratch({count * int64_t(sizeof(T)) / int64_t(sizeof(double)) + 1})) {}

template <typename T>
CrossSpectra<T>::CrossSpectra(
    const PeriodicAxis& y, const PeriodicAxis& x, int64_t channels, int64_t groups, int64_t largest_batch)
    : transform_(y, x),
      frequencies_(kept_frequencies(y, x)),
      all_channels_(channels),
      groups_(groups),
      channels_(channels / groups),
      spectra_(transform_.parts() * channels * largest_batch),
      means_(scratch({int64_t(frequencies_.size()), 2, channels})),
      real_(count(Component::real) * groups * channels_ * channels_),
      imaginary_(count(Component::imaginary) * groups * channels_ * channels_) {}

template <typename T>
int64_t CrossSpectra<T>::count(Component component) const {
  const auto all = int64_t(frequencies_.size());
  return component == Component::real ? all : transform_.parts() - all;
}

// Of the channels of a group, over images.
template <typename T>
double* CrossSpectra<T>::means(int64_t frequency, Component component, int64_t group) const {
  return means_.mutable_data_ptr<double>() + (2 * frequency + int64_t(component)) * all_channels_ + group * channels_;
}

// A component of the group's spectrum, [c][n], after its means have been taken out.
template <typename T>
Operand<T> CrossSpectra<T>::centred(int64_t frequency, Component component, int64_t group) {
  const auto part = frequencies_[size_t(frequency)].part + int64_t(component);
  T* const values = spectra_.data() + (part * all_channels_ + group * channels_) * images_;
  double* const mean = means(frequency, component, group);
  for (int64_t c = 0; c < channels_; ++c) {
    T* const channel = values + c * images_;
    mean[c] = kernels<T>().sum(channel, images_) / double(images_);
    const auto taken = T(mean[c]);
    std::for_each(channel, channel + images_, [taken](T& value) { value -= taken; });
  }
  return {values, channels_, images_, images_, 1};
}

template <typename T>
void CrossSpectra<T>::compute(const at::Tensor& images) {
  images_ = images.size(0);
  transform_.run(images, spectra_.data());
  const auto with_imaginary = count(Component::imaginary);
  in_parallel(int64_t(frequencies_.size()) * groups_, true, [&](int64_t task) {
    const auto frequency = task / groups_, group = task % groups_;
    const auto product = [&](const Operand<T>& a, const Operand<T>& b, const Workspace& out, Write write) {
      dense_product<T, T>(a, b, out.data() + task * channels_ * channels_, channels_, Part::lower, write);
    };
    const auto real = centred(frequency, Component::real, group);
    product(real, real, real_, Write::overwrite);
    if (frequency >= with_imaginary) {
      std::fill_n(means(frequency, Component::imaginary, group), channels_, 0.0);
      return;
    }
    const auto imaginary = centred(frequency, Component::imaginary, group);
    product(imaginary, imaginary, real_, Write::add);
    product(imaginary, real, imaginary_, Write::overwrite);
    product(real, imaginary, imaginary_, Write::subtract);
  });
}

template <typename T>
void CrossSpectra<T>::row(Component component, int64_t group, int64_t c, double* to) const {
  const bool is_real = component == Component::real;
  const T* const products = (is_real ? real_ : imaginary_).data();
  for (int64_t k = 0; k < count(component); ++k, to += c + 1) {
    const T* const from = products + ((k * groups_ + group) * channels_ + c) * channels_;
    const double* const real = means(k, Component::real, group);
    const double* const imaginary = means(k, Component::imaginary, group);
    const auto by_real = double(images_) * (is_real ? real[c] : imaginary[c]);
    const auto by_imaginary = double(images_) * (is_real ? imaginary[c] : -real[c]);
    for (int64_t d = 0; d <= c; ++d) {
      to[d] = double(from[d]) + by_real * real[d] + by_imaginary * imaginary[d];
    }
  }
}

template class CrossSpectra<float>;
template class CrossSpectra<double>;

}  // namespace proxprop
