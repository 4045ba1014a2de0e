// The feature Gram of any convolution, from the windows that the kernel sees: every pair of kernel rows is a
// correlation over the output positions. It costs what the product of unfolded inputs would, without unfolding.

#include "prox/conv_gram.h"

#include "prox/conv_windows.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

namespace proxprop {

at::Tensor conv_gram_by_windows(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto signal = window_signal(input, geometry);
  const auto runs = window_runs(signal, geometry);
  std::vector<Pairing> pairings;
  for (size_t i = 0; i < runs.size(); ++i) {
    pairings.push_back({extent(output_size, 1), runs[i], {runs.begin() + std::ptrdiff_t(i), runs.end()}});
  }
  const auto blocks = correlate(std::nullopt, signal, geometry.groups, pairings);

  // In the order (tap, channel) of the runs.
  const auto length = runs.front().length;
  const auto d = length * int64_t(runs.size());
  auto gram = scratch({geometry.groups, d, d});
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto first = int64_t(i) * length;
    gram.narrow(1, first, length).narrow(2, first, d - first).copy_(blocks[i]);
    gram.narrow(2, first, length).narrow(1, first, d - first).copy_(blocks[i].transpose(1, 2));
  }
  const auto channels = signal.channels;
  const auto taps = d / channels;
  return gram.view({geometry.groups, taps, channels, taps, channels})
      .permute({0, 2, 1, 4, 3})
      .reshape({geometry.groups, d, d});
}

double conv_gram_by_windows_flops(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto d = double(input.size(1)) / double(geometry.groups) * double(c10::multiply_integers(geometry.kernel_size));
  const auto rows = double(input.size(0)) * double(c10::multiply_integers(output_size));
  const auto rows_of_kernel =
      double(d) / (double(input.size(1)) / double(geometry.groups) * double(geometry.kernel_size.back()));
  return double(geometry.groups) * rows * d * d * (1 + 1 / rows_of_kernel);
}

}  // namespace proxprop
