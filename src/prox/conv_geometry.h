#pragma once

#include <proxprop/prox/transfers.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace proxprop {

/// What ordinary and transposed convolutions ask of their input [N, C, *] and geometry: throws c10::Error.
void check_convolution(const at::Tensor& input, const ConvGeometry& geometry, Trained trained);

inline bool has_unit_stride(const ConvGeometry& geometry) {
  return std::all_of(geometry.stride.begin(), geometry.stride.end(), [](int64_t s) { return s == 1; });
}

/// (kernel - 1) * dilation: how far the window reaches beyond its first pixel.
inline int64_t reach(const ConvGeometry& geometry, size_t dimension) {
  return (geometry.kernel_size[dimension] - 1) * geometry.dilation[dimension];
}

/// Spatial size of the output; entries below 1 where the kernel does not fit.
inline std::vector<int64_t> spatial_output_size(at::IntArrayRef spatial_input, const ConvGeometry& geometry) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
    const auto room = spatial_input[i] + 2 * geometry.padding[i] - reach(geometry, i) - 1;
    sizes.push_back(room < 0 ? 0 : room / geometry.stride[i] + 1);
  }
  return sizes;
}

/// The parts of a shape, one behind the other.
inline std::vector<int64_t> joined(std::initializer_list<at::IntArrayRef> parts) {
  std::vector<int64_t> all;
  for (const auto& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// [O, C / groups, *kernel]
inline std::vector<int64_t> weight_shape(const ConvGeometry& geometry, int64_t channels_per_group) {
  return joined({geometry.out_channels, channels_per_group, geometry.kernel_size});
}

}  // namespace proxprop
