#include "torch_library/conv_arguments.h"

namespace proxprop::torch_library {

autograd::TransferFunctionPtr ConvArguments::function() const {
  return transposed ? autograd::conv_transpose_function(geometry) : autograd::conv_function(geometry);
}

std::shared_ptr<const LinearTransfer> ConvArguments::transfer(const at::Tensor& input, Trained trained) const {
  if (transposed) {
    return std::make_shared<ConvTransposeTransfer>(input, geometry, trained);
  }
  return std::make_shared<ConvTransfer>(input, geometry, trained);
}

ConvArguments conv_arguments(int64_t out_channels, at::IntArrayRef kernel_size, PROXPROP_CONV_PARAMETERS) {
  ConvGeometry geometry{out_channels, kernel_size.vec(), stride.vec(), padding.vec(), dilation.vec(), groups};
  return {{std::move(geometry), output_padding.vec()}, transposed};
}

ConvArguments conv_arguments_of(const at::Tensor& weight, PROXPROP_CONV_PARAMETERS) {
  TORCH_CHECK(
      weight.dim() >= 3 && weight.dim() <= 5,
      "proxprop: a convolution needs a weight [O, C / groups, *kernel], transposed [C, O / groups, *kernel], with 1 to "
      "3 "
      "spatial dimensions, got ",
      weight.dim(), " dimensions in all");
  const auto out_channels = transposed ? weight.size(1) * groups : weight.size(0);
  return conv_arguments(out_channels, weight.sizes().slice(2), PROXPROP_CONV_VALUES);
}

}  // namespace proxprop::torch_library
