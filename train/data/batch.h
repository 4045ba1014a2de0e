#pragma once

#include "train/data/labelled_images.h"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <utility>

namespace proxprop::train {

/// The records at `indices` (int64, B) as (inputs, labels) on `device`: inputs are what
/// `data.pixels` makes of the bytes (without it bytes / 255, so in [0, 1]), of type `dtype`, B x C x H x W; labels
/// int64, B. Bytes, not floats, cross to the device; keep the images there
/// (`images.to(device)`) and nothing crosses.
std::pair<at::Tensor, at::Tensor> to_batch(
    const LabelledImages& data, const at::Tensor& indices, at::ScalarType dtype, at::Device device);

}  // namespace proxprop::train
