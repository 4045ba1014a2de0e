#include "train/data/batch.h"

#include <c10/util/Exception.h>

namespace proxprop::train {

std::pair<at::Tensor, at::Tensor> to_batch(
    const LabelledImages& data, const at::Tensor& indices, at::ScalarType dtype, at::Device device) {
  TORCH_CHECK(
      data.images.defined() && data.images.scalar_type() == at::kByte && data.images.dim() == 4,
      "to_batch: images must be uint8, N x C x H x W");
  TORCH_CHECK(
      indices.scalar_type() == at::kLong && indices.dim() == 1,
      "to_batch: indices must be int64 of one dimension, got ", indices.scalar_type(), " of ", indices.dim());
  TORCH_CHECK(at::isFloatingType(dtype), "to_batch: dtype must be a floating-point type, got ", dtype);
  const at::Tensor bytes = data.images.index_select(0, indices.to(data.images.device()));
  const at::Tensor labels = data.labels.index_select(0, indices.to(data.labels.device()));
  at::Tensor inputs = bytes.to(device, /*non_blocking=*/true).to(dtype).div_(255);
  return {std::move(inputs), labels.to(device, /*non_blocking=*/true)};
}

}  // namespace proxprop::train
