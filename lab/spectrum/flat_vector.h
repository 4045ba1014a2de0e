#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop::spectrum {

/// Numbers in all.
int64_t flat_size(const std::vector<at::Tensor>& parameters);

/// The parts of `v` [flat_size] that stand for the parameters, in their shapes, dtypes and places.
std::vector<at::Tensor> unflatten(const at::Tensor& v, const std::vector<at::Tensor>& parameters);

/// Adds tensors in the parameters' shapes to `v`, in its dtype; undefined ones are zero.
void add_flattened(at::Tensor& v, const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& parameters);

}  // namespace proxprop::spectrum
