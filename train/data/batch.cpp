#include "train/data/batch.h"

#include <ATen/ops/add.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>

namespace proxprop::train {
namespace {

// One pass over the numbers, as the division by 255 is: scale and shift differ between channels at most.
void map_pixels(at::Tensor& inputs, const PixelMap& pixels) {
  for (int64_t channel = 0; channel < inputs.size(1); ++channel) {
    const auto i = static_cast<size_t>(channel);
    at::Tensor plane = inputs.select(1, channel);
    at::add_out(plane, at::scalar_tensor(pixels.shift[i], at::kDouble), plane, pixels.scale[i]);
  }
}

}  // namespace

std::pair<at::Tensor, at::Tensor> to_batch(
    const LabelledImages& data, const at::Tensor& indices, at::ScalarType dtype, at::Device device) {
  TORCH_CHECK(
      data.images.defined() && data.images.scalar_type() == at::kByte && data.images.dim() == 4,
      "to_batch: images must be uint8, N x C x H x W");
  TORCH_CHECK(
      indices.scalar_type() == at::kLong && indices.dim() == 1,
      "to_batch: indices must be int64 of one dimension, got ", indices.scalar_type(), " of ", indices.dim());
  TORCH_CHECK(at::isFloatingType(dtype), "to_batch: dtype must be a floating-point type, got ", dtype);
  TORCH_CHECK(
      data.pixels.scale.size() == data.pixels.shift.size() &&
          (data.pixels.scale.empty() || static_cast<int64_t>(data.pixels.scale.size()) == data.images.size(1)),
      "to_batch: pixels must have a scale and a shift for each of the ", data.images.size(1), " channels");
  const at::Tensor bytes = data.images.index_select(0, indices.to(data.images.device()));
  const at::Tensor labels = data.labels.index_select(0, indices.to(data.labels.device()));
  at::Tensor inputs = bytes.to(device, /*non_blocking=*/true).to(dtype);
  if (data.pixels.scale.empty()) {
    inputs.div_(255);
  } else {
    map_pixels(inputs, data.pixels);
  }
  return {std::move(inputs), labels.to(device, /*non_blocking=*/true)};
}

}  // namespace proxprop::train
