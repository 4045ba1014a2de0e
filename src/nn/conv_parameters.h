#pragma once
// What ordinary and transposed convolution layers share: their parameters and the checks of their sizes.

#include <ATen/core/Tensor.h>
#include <torch/expanding_array.h>
#include <torch/nn/init.h>

#include <cmath>
#include <vector>

namespace proxprop::nn {

template <size_t D>
std::vector<int64_t> to_vector(const torch::ExpandingArray<D>& array) {
  return std::vector<int64_t>(array->begin(), array->end());
}

/// torch.nn's initialisation of a weight [*, * / groups, *kernel] and a bias, which may be undefined.
inline void initialize_conv(const at::Tensor& weight, const at::Tensor& bias) {
  torch::nn::init::kaiming_uniform_(weight, std::sqrt(5));
  if (bias.defined()) {
    const auto bound = 1 / std::sqrt(double(weight[0].numel()));
    torch::nn::init::uniform_(bias, -bound, bound);
  }
}

template <typename Options>
void check_conv_options(const char* kind, const Options& options) {
  TORCH_CHECK(
      options.in_channels() > 0 && options.out_channels() > 0 && options.groups() > 0, "proxprop: ", kind,
      " needs positive channels and groups, got in_channels = ", options.in_channels(),
      ", out_channels = ", options.out_channels(), ", groups = ", options.groups());
  TORCH_CHECK(
      options.in_channels() % options.groups() == 0 && options.out_channels() % options.groups() == 0,
      "proxprop: in_channels (", options.in_channels(), ") and out_channels (", options.out_channels(),
      ") must be divisible by groups (", options.groups(), ")");
  for (size_t i = 0; i < options.kernel_size()->size(); ++i) {
    TORCH_CHECK(
        (*options.kernel_size())[i] > 0 && (*options.stride())[i] > 0 && (*options.dilation())[i] > 0,
        "proxprop: ", kind, " needs positive kernel_size, stride and dilation");
  }
}

inline void check_conv_input(const char* kind, int64_t dims, int64_t in_channels, const at::Tensor& input) {
  TORCH_CHECK(
      (input.dim() == dims + 2 || input.dim() == dims + 1) && input.size(-dims - 1) == in_channels, "proxprop: ", kind,
      dims, "d expects an input [N, ", in_channels, ", *] or [", in_channels, ", *] with ", dims,
      " spatial dimensions, got shape ", input.sizes());
}

}  // namespace proxprop::nn
