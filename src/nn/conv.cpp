#include <proxprop/nn/conv.h>

#include "autograd/transfer_function.h"
#include "nn/conv_parameters.h"
#include "nn/solver_defaults.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <algorithm>
#include <ostream>

namespace proxprop::nn {

namespace {

// What is padded on the two sides of each dimension, first dimension first.
template <size_t D>
std::vector<std::pair<int64_t, int64_t>> padding_amounts(const ConvOptions<D>& options) {
  std::vector<std::pair<int64_t, int64_t>> amounts(D, {0, 0});
  for (size_t i = 0; i < D; ++i) {
    if (const auto* numbers = std::get_if<torch::ExpandingArray<D>>(&options.padding())) {
      amounts[i] = {(**numbers)[i], (**numbers)[i]};
    } else if (std::holds_alternative<torch::enumtype::kSame>(options.padding())) {
      const auto total = (*options.dilation())[i] * ((*options.kernel_size())[i] - 1);
      amounts[i] = {total / 2, total - total / 2};
    }
  }
  return amounts;
}

template <size_t D>
bool zero_padding(const ConvOptions<D>& options) {
  return std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode());
}

// Zero padding of equal amounts is part of the convolution; any other is applied to the input first.
template <size_t D>
bool pads_input_first(const ConvOptions<D>& options) {
  const auto amounts = padding_amounts(options);
  const bool equal = std::all_of(amounts.begin(), amounts.end(), [](const auto& a) { return a.first == a.second; });
  return !zero_padding(options) || !equal;
}

template <size_t D>
at::Tensor padded(const at::Tensor& input, const ConvOptions<D>& options) {
  std::vector<int64_t> pad;  // last dimension first, as torch.nn.functional.pad
  const auto amounts = padding_amounts(options);
  for (size_t i = D; i-- > 0;) {
    pad.push_back(amounts[i].first);
    pad.push_back(amounts[i].second);
  }
  const auto& mode = options.padding_mode();
  if (std::holds_alternative<torch::enumtype::kReflect>(mode)) {
    return at::pad(input, pad, "reflect");
  }
  if (std::holds_alternative<torch::enumtype::kReplicate>(mode)) {
    return at::pad(input, pad, "replicate");
  }
  if (std::holds_alternative<torch::enumtype::kCircular>(mode)) {
    return at::pad(input, pad, "circular");
  }
  return at::constant_pad_nd(input, pad);
}

template <size_t D>
ConvGeometry geometry_of(const ConvOptions<D>& options) {
  ConvGeometry geometry;
  geometry.out_channels = options.out_channels();
  geometry.kernel_size = to_vector(options.kernel_size());
  geometry.stride = to_vector(options.stride());
  geometry.dilation = to_vector(options.dilation());
  geometry.groups = options.groups();
  geometry.padding.assign(D, 0);
  if (!pads_input_first(options)) {
    const auto amounts = padding_amounts(options);
    for (size_t i = 0; i < D; ++i) {
      geometry.padding[i] = amounts[i].first;
    }
  }
  return geometry;
}

template <size_t D>
void check_options(const ConvOptions<D>& options) {
  check_conv_options("Conv", options);
  for (size_t i = 0; i < D; ++i) {
    TORCH_CHECK(
        !std::holds_alternative<torch::enumtype::kSame>(options.padding()) || (*options.stride())[i] == 1,
        "proxprop: padding kSame needs stride 1, got stride ", options.stride());
  }
}

}  // namespace

template <size_t D, typename Derived>
ConvImpl<D, Derived>::ConvImpl(ConvOptions<D> layer_options) : options(std::move(layer_options)) {
  check(proximal_options());
  check_options(options);
  ConvImpl::reset();
}

template <size_t D, typename Derived>
void ConvImpl<D, Derived>::reset() {
  std::vector<int64_t> shape{options.out_channels(), options.in_channels() / options.groups()};
  const auto kernel = to_vector(options.kernel_size());
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  weight = this->register_parameter("weight", torch::empty(shape));
  bias = this->register_parameter(
      "bias", options.bias() ? torch::empty(options.out_channels()) : at::Tensor(), options.bias());
  reset_parameters();
}

template <size_t D, typename Derived>
void ConvImpl<D, Derived>::reset_parameters() {
  initialize_conv(weight, bias);
}

template <size_t D, typename Derived>
void ConvImpl<D, Derived>::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "proxprop::nn::Conv" << D << "d(" << options.in_channels() << ", "
         << options.out_channels() << ", kernel_size=" << options.kernel_size() << ", stride=" << options.stride()
         << ", groups=" << options.groups() << ", bias=" << options.bias()
         << ", tau_theta=" << proximal_options().tau_theta << ", solver=" << to_string(proximal_options().solver)
         << ")";
}

template <size_t D, typename Derived>
ProximalOptions ConvImpl<D, Derived>::proximal_options() const {
  return step_options(options, Coupling::joint);
}

template <size_t D, typename Derived>
void ConvImpl<D, Derived>::set_proximal_options(const ProximalOptions& step) {
  set_step_options(options, step);
}

template <size_t D, typename Derived>
at::Tensor ConvImpl<D, Derived>::forward(const at::Tensor& input) {
  check_conv_input("Conv", D, options.in_channels(), input);
  if (input.dim() == int64_t(D) + 1) {
    return forward(input.unsqueeze(0)).squeeze(0);
  }
  std::vector<at::Tensor> parameters{weight};
  if (bias.defined()) {
    parameters.push_back(bias);
  }
  return run(
      autograd::conv_function(geometry_of(options)), pads_input_first(options) ? padded(input, options) : input,
      parameters);
}

template <size_t D, typename Derived>
Plan ConvImpl<D, Derived>::plan(const at::Tensor& input) const {
  check_conv_input("Conv", D, options.in_channels(), input);
  const Trained trained{weight.requires_grad(), bias.defined() && bias.requires_grad()};
  if (!trained.weight && !trained.bias) {
    return frozen_plan();
  }
  auto batch = input.dim() == int64_t(D) + 1 ? input.unsqueeze(0) : input;
  if (pads_input_first(options)) {
    batch = padded(batch, options);
  }
  const ConvTransfer transfer(batch, geometry_of(options), trained);
  return proxprop::plan(describe(transfer, proximal_options(), input.device()));
}

template class ConvImpl<1, Conv1dImpl>;
template class ConvImpl<2, Conv2dImpl>;
template class ConvImpl<3, Conv3dImpl>;

}  // namespace proxprop::nn
