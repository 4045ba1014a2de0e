// A Network from a torch::nn::Sequential.

#include "lab/network.h"

#include <proxprop/nn/conv.h>
#include <proxprop/nn/linear.h>
#include <proxprop/nn/linear_map.h>

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <utility>

namespace proxprop::lab {
namespace {

template <size_t D>
std::vector<int64_t> to_vector(const torch::ExpandingArray<D>& array) {
  return std::vector<int64_t>(array->begin(), array->end());
}

const char* mode_name(const torch::nn::detail::conv_padding_mode_t& mode) {
  if (std::holds_alternative<torch::enumtype::kReflect>(mode))
    return "reflect";
  if (std::holds_alternative<torch::enumtype::kReplicate>(mode))
    return "replicate";
  return std::holds_alternative<torch::enumtype::kCircular>(mode) ? "circular" : "constant";
}

// A convolution pads with zeros by equal amounts; any other padding is a stage of its own before it.
template <size_t D, class Conv>
void add_conv(Network& network, const Conv& conv) {
  const auto& options = conv.options;
  ConvGeometry geometry{options.out_channels(),     to_vector<D>(options.kernel_size()), to_vector<D>(options.stride()),
                        std::vector<int64_t>(D, 0), to_vector<D>(options.dilation()),    options.groups()};
  std::vector<int64_t> before(D, 0), after(D, 0);
  for (size_t i = 0; i < D; ++i) {
    if (const auto* numbers = std::get_if<torch::ExpandingArray<D>>(&options.padding())) {
      before[i] = after[i] = (**numbers)[i];
    } else if (std::holds_alternative<torch::enumtype::kSame>(options.padding())) {
      const int64_t total = geometry.dilation[i] * (geometry.kernel_size[i] - 1);
      before[i] = total / 2;
      after[i] = total - total / 2;
    }
  }
  const std::string mode = mode_name(options.padding_mode());
  if (mode == "constant" && before == after) {
    geometry.padding = before;
  } else {
    std::vector<int64_t> amounts;  // last dimension first, as torch.nn.functional.pad
    for (size_t i = D; i-- > 0;)
      amounts.insert(amounts.end(), {before[i], after[i]});
    network.stage(function_stage([amounts, mode](const at::Tensor& a) { return at::pad(a, amounts, mode); }));
  }
  network.layer(conv_layer(conv.weight, conv.bias, geometry));
}

template <class Module, class Add>
bool add_if(const torch::nn::Module& module, Add&& add) {
  const auto* specific = dynamic_cast<const Module*>(&module);
  if (specific != nullptr)
    add(*specific);
  return specific != nullptr;
}

bool add_layer(Network& network, const torch::nn::Module& module) {
  const auto add_linear = [&](const auto& linear) { network.layer(linear_layer(linear.weight, linear.bias)); };
  const auto add_map = [&](const nn::LinearMapImpl& map) {
    network.layer(map_layer(map.parameters(/*recurse=*/false), map.phi()));
  };
  return add_if<torch::nn::LinearImpl>(module, add_linear) || add_if<nn::LinearImpl>(module, add_linear) ||
         add_if<torch::nn::Conv1dImpl>(module, [&](const auto& conv) { add_conv<1>(network, conv); }) ||
         add_if<torch::nn::Conv2dImpl>(module, [&](const auto& conv) { add_conv<2>(network, conv); }) ||
         add_if<torch::nn::Conv3dImpl>(module, [&](const auto& conv) { add_conv<3>(network, conv); }) ||
         add_if<nn::Conv1dImpl>(module, [&](const auto& conv) { add_conv<1>(network, conv); }) ||
         add_if<nn::Conv2dImpl>(module, [&](const auto& conv) { add_conv<2>(network, conv); }) ||
         add_if<nn::Conv3dImpl>(module, [&](const auto& conv) { add_conv<3>(network, conv); }) ||
         add_if<nn::LinearMapImpl>(module, add_map);
}

bool add_activation(Network& network, const torch::nn::Module& module) {
  const auto add = [&](ActivationPtr activation) { network.stage(activation_stage(std::move(activation))); };
  return add_if<torch::nn::IdentityImpl>(module, [](const auto&) {}) ||
         add_if<torch::nn::ReLUImpl>(module, [&](const auto&) { add(std::make_shared<PiecewiseLinear>(0.0)); }) ||
         add_if<torch::nn::LeakyReLUImpl>(
             module,
             [&](const auto& leaky) { add(std::make_shared<PiecewiseLinear>(leaky.options.negative_slope())); }) ||
         add_if<torch::nn::SigmoidImpl>(module, [&](const auto&) { add(std::make_shared<Sigmoid>()); }) ||
         add_if<torch::nn::TanhImpl>(module, [&](const auto&) { add(std::make_shared<Tanh>()); });
}

}  // namespace

Network::Network(torch::nn::Sequential model) {
  for (torch::nn::AnyModule& any : *model) {
    const torch::nn::Module& module = *any.ptr();
    if (add_layer(*this, module) || add_activation(*this, module))
      continue;
    TORCH_CHECK(
        dynamic_cast<const nn::ProximalLayer*>(&module) == nullptr, "proxprop: the lab has no layer for ",
        module.name(), "; build the network by hand with a Layer for it (lab/layer.h)");
    stage(module_stage(any));
  }
  check_complete();
}

}  // namespace proxprop::lab
