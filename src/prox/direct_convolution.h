#pragma once
// Convolutions with stride 1 by the register-tiled kernel, where ATen leaves the processor idle: few channels.

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// Whether `direct_convolution` can compute this convolution, and is expected to be faster than ATen: float32 or
/// float64 on the CPU, stride 1, few channels per group.
bool direct_convolution_pays(const at::Tensor& input, const ConvGeometry& geometry);

/// at::convolution for stride 1: input [N, C, *], weight [O, C / groups, *kernel], bias [O] or undefined. Images are
/// shared among threads.
at::Tensor direct_convolution(
    const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry);

/// The gradient with respect to the input: a convolution of g with the mirrored kernel. Needs padding <= (kernel - 1) *
/// dilation.
bool direct_input_gradient_pays(const at::Tensor& grad_output, const at::Tensor& weight, const ConvGeometry& geometry);
at::Tensor direct_input_gradient(const at::Tensor& grad_output, const at::Tensor& weight, const ConvGeometry& geometry);

}  // namespace proxprop
