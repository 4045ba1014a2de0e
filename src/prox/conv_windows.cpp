#include "prox/conv_windows.h"

#include <ATen/ATen.h>

namespace proxprop {

Signal window_signal(const at::Tensor& input, const ConvGeometry& geometry) {
  Signal signal;
  signal.images = input;
  signal.size = extent(input.sizes().slice(2), 1);
  signal.before = signal.after = extent(geometry.padding, 0);
  signal.stride = extent(geometry.stride, 1);
  signal.channels = input.size(1) / geometry.groups;
  return signal;
}

std::vector<Run> window_runs(const Signal& signal, const ConvGeometry& geometry) {
  const auto kernel = extent(geometry.kernel_size, 1);
  const auto dilation = extent(geometry.dilation, 1);
  const bool one_run = dilation[2] == 1 || kernel[2] == 1;
  std::vector<Run> runs;
  for (int64_t z = 0; z < kernel[0]; ++z) {
    for (int64_t y = 0; y < kernel[1]; ++y) {
      for (int64_t x = 0; x < (one_run ? 1 : kernel[2]); ++x) {
        const auto start = signal.elements({z * dilation[0], y * dilation[1], x * dilation[2]});
        runs.push_back({start, (one_run ? kernel[2] : 1) * signal.channels});
      }
    }
  }
  return runs;
}

}  // namespace proxprop
