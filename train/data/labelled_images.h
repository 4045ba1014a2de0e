#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop::train {

/// How a byte becomes a number: scale * byte + shift, one value of each for every channel. Empty: byte / 255.
struct PixelMap {
  std::vector<double> scale;
  std::vector<double> shift;
};

/// Labelled images as they lie in the files.
struct LabelledImages {
  at::Tensor images;     ///< uint8, N x C x H x W
  at::Tensor labels;     ///< int64, N, in [0, classes)
  PixelMap pixels = {};  ///< what to_batch makes of the bytes

  /// N; 0 when the tensors are not defined.
  int64_t records() const { return images.defined() ? images.size(0) : 0; }
};

}  // namespace proxprop::train
