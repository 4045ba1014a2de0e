#pragma once
// Images laid out flat, so that a spatial shift is one offset into memory.
//
// A row of W pixels is followed by a gap of zeros at least as wide as the kernel reaches, likewise rows by empty rows and
// images by empty space. Then the product of a pixel and its neighbour at distance delta is a[t] * a[t + offset(delta)]
// for every t, in one, two or three dimensions alike: what leaves the image meets zeros.

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace proxprop {

/// Up to three spatial dimensions; missing leading ones have size 1 and a kernel of 1.
using Extent = std::array<int64_t, 3>;

struct ConvLayout {
  Extent size{1, 1, 1};      ///< of the input
  Extent kernel{1, 1, 1};
  Extent dilation{1, 1, 1};
  Extent padding{0, 0, 0};
  Extent reach{0, 0, 0};     ///< (kernel - 1) * dilation
  Extent output{1, 1, 1};
  Extent step{1, 1, 1};      ///< distance in the flat layout of neighbours along a dimension
  int64_t image_length = 1;  ///< of one channel of one image

  int64_t kernel_numel() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t offset(const Extent& shift) const {
    return shift[0] * step[0] + shift[1] * step[1] + shift[2] * step[2];
  }
};

/// For stride 1. `size` and the geometry have the same number of spatial dimensions.
ConvLayout conv_layout(at::IntArrayRef size, const ConvGeometry& geometry);

/// One operand of a correlation: images [N, C, *] with `size`, whose first pixel lies at `origin` of the flat layout.
struct FlatImages {
  at::Tensor images;
  Extent size;
  int64_t origin = 0;
};

/// sums[o][group][p][q] = sum over images and positions of a[n, p][t] * b[n, q][t + offsets[o]], float64, where p and q
/// run over the channels of a group. Multi-threaded over images with a fixed order of summation. CPU, float32 or float64.
at::Tensor correlate_images(
    const ConvLayout& layout,
    const FlatImages& a,
    const FlatImages& b,
    const std::vector<int64_t>& offsets,
    int64_t groups);

}  // namespace proxprop
