#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop::train {

/// Labelled images as they lie in the files.
struct LabelledImages {
  at::Tensor images;  ///< uint8, N x C x H x W
  at::Tensor labels;  ///< int64, N, in [0, classes)

  /// N; 0 when the tensors are not defined.
  int64_t records() const { return images.defined() ? images.size(0) : 0; }
};

}  // namespace proxprop::train
