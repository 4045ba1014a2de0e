#pragma once

#include "autograd/transfer_function.h"

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop::torch_library {

/// The geometry of a convolution, ordinary or transposed, as an operator's arguments, those of aten::convolution:
/// schema text, parameters of the C++ function, and their values handed on. `output_padding` is not read unless
/// `transposed`.
#define PROXPROP_CONV_SCHEMA \
  "int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups"
#define PROXPROP_CONV_PARAMETERS                                                              \
  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, \
      at::IntArrayRef output_padding, int64_t groups
#define PROXPROP_CONV_VALUES stride, padding, dilation, transposed, output_padding, groups

/// The same, kept.
struct ConvArguments {
  ConvTransposeGeometry geometry;
  bool transposed;

  autograd::TransferFunctionPtr function() const;
  std::shared_ptr<const LinearTransfer> transfer(const at::Tensor& input, Trained trained) const;
};

ConvArguments conv_arguments(int64_t out_channels, at::IntArrayRef kernel_size, PROXPROP_CONV_PARAMETERS);
/// With the sizes of a weight [O, C / groups, *kernel], transposed [C, O / groups, *kernel].
ConvArguments conv_arguments_of(const at::Tensor& weight, PROXPROP_CONV_PARAMETERS);

}  // namespace proxprop::torch_library
