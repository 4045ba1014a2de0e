#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>

#include <cstdint>

namespace proxprop::train {

/// The mean over the records of the squares of each record's gradient of the cross-entropy, entry by entry, for all
/// parameters of the model, flattened and joined: [n] float64. `chunk` records go through the model at a time.
///
/// A record's gradient of a dense layer is the outer product of the layer's input a and of d = dL/dz, and the sum of
/// the squares is (d^2)^T a^2, one matrix product. For convolutions the gradients of some records at a time are formed,
/// from their unfolded inputs. Throws c10::Error for layers of other kinds with parameters.
at::Tensor mean_squared_gradients(
    torch::nn::Sequential& model, const at::Tensor& input, const at::Tensor& labels, int64_t chunk);

}  // namespace proxprop::train
