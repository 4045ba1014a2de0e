// The feature Gram of any convolution, from the windows that the kernel sees: every pair of kernel rows is a
// correlation over the output positions. It costs what the product of unfolded inputs would, without unfolding.

#include "prox/conv_gram.h"

#include "prox/conv_windows.h"

#include <ATen/ATen.h>

namespace proxprop {

void conv_gram_by_windows(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram) {
  const auto signal = window_signal(input, geometry);
  const auto runs = window_runs(signal, geometry);
  std::vector<Pairing> pairings;
  for (size_t i = 0; i < runs.size(); ++i) {
    pairings.push_back({extent(output_size, 1), runs[i], {runs.begin() + std::ptrdiff_t(i), runs.end()}});
  }
  const auto blocks = correlate(std::nullopt, signal, geometry.groups, pairings);

  // Runs and the sums over them are in the order (tap, channel), the Gram is in the order (channel, tap).
  const auto groups = geometry.groups, channels = signal.channels;
  const auto taps = gram.size(1) / channels, taps_of_run = runs.front().length / channels;
  const auto target = gram.view({groups, channels, taps, channels, taps});
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto first = int64_t(i) * taps_of_run, rest = taps - first;
    const auto block = blocks[i].view({groups, taps_of_run, channels, rest, channels});
    target.narrow(2, first, taps_of_run).narrow(4, first, rest).copy_(block.permute({0, 2, 1, 4, 3}));
    target.narrow(4, first, taps_of_run).narrow(2, first, rest).copy_(block.permute({0, 4, 3, 2, 1}));
  }
}

Work conv_gram_by_windows_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto taps = double(c10::multiply_integers(geometry.kernel_size));
  const auto d = double(input.size(1) / geometry.groups) * taps;
  const auto rows = double(input.size(0)) * double(c10::multiply_integers(output_size));
  const auto rows_of_kernel = taps / double(geometry.kernel_size.back());
  Work work;
  work[Kernel::correlation] = double(geometry.groups) * rows * d * d * (1 + 1 / rows_of_kernel);
  return work;
}

double conv_gram_by_windows_bytes(const at::Tensor& input, const ConvGeometry& geometry) {
  const auto taps = c10::multiply_integers(geometry.kernel_size);
  const auto d = double(input.size(1) / geometry.groups * taps);
  const auto rows_of_kernel = double(taps / geometry.kernel_size.back());
  return correlation_bytes(double(geometry.groups) * d * d * (1 + 1 / rows_of_kernel) / 2);
}

}  // namespace proxprop
