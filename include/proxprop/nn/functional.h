#pragma once

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

#include <vector>

namespace proxprop::nn::functional {

/// Stateless twin of `Linear`: z = a W^T + b whose backward gives `weight` and `bias` the proximal direction in place
/// of the gradient. Each call is a use of its own. `bias` may be undefined.
PROXPROP_API at::Tensor linear(
    const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const ProximalOptions& options = {});

/// Geometry of a convolution, as in torch.nn.functional.conv; one value stands for all dimensions.
struct ConvArguments {
  std::vector<int64_t> stride{1};
  std::vector<int64_t> padding{0};
  std::vector<int64_t> dilation{1};
  int64_t groups = 1;
};

/// Stateless twin of `Conv1d`, `Conv2d`, `Conv3d` with zero padding; the number of dimensions is the weight's.
PROXPROP_API at::Tensor conv(
    const at::Tensor& input,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const ConvArguments& arguments = {},
    const ProximalOptions& options = {});

/// Geometry of a transposed convolution, as in torch.nn.functional.conv_transpose; one value stands for all dimensions.
struct ConvTransposeArguments {
  std::vector<int64_t> stride{1};
  std::vector<int64_t> padding{0};
  std::vector<int64_t> output_padding{0};
  std::vector<int64_t> dilation{1};
  int64_t groups = 1;
};

/// Stateless twin of `ConvTranspose1d`, `ConvTranspose2d`, `ConvTranspose3d`; the number of dimensions is the weight's.
PROXPROP_API at::Tensor conv_transpose(
    const at::Tensor& input,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const ConvTransposeArguments& arguments = {},
    const ProximalOptions& options = {});

/// V itself for z = a W^T + b, from the layer's input [*, in] and g = dJ/dz [*, out]: {weight [out, in], bias [out]},
/// or {weight} when `bias` is false.
PROXPROP_API ProximalStep linear_direction(
    const at::Tensor& input, const at::Tensor& grad_output, const ProximalOptions& options = {}, bool bias = true);

/// V itself for a convolution, from the layer's input [N, C, *] and g = dJ/dz [N, O, *'].
PROXPROP_API ProximalStep conv_direction(
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::vector<int64_t> kernel_size,
    const ConvArguments& arguments = {},
    const ProximalOptions& options = {},
    bool bias = true);

/// V itself for a transposed convolution, from the layer's input [N, C, *] and g = dJ/dz [N, O, *']: the weight's part
/// has shape [C, O / groups, *kernel_size].
PROXPROP_API ProximalStep conv_transpose_direction(
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::vector<int64_t> kernel_size,
    const ConvTransposeArguments& arguments = {},
    const ProximalOptions& options = {},
    bool bias = true);

}  // namespace proxprop::nn::functional
