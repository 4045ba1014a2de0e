#include "train/rules/directed_layer.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace proxprop::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What a backward pass needs of the layer, which may be gone by then.
struct Use : torch::CustomClassHolder {
  std::shared_ptr<DirectionRule> rule;
  DirectedLayer::MakeTransfer make_transfer;
};

// The identity in z, of which the parameters are inputs only to be handed their direction: z itself was computed from
// detached parameters, so that its own history gives the gradient of the layer's input and nothing else.
class Direct : public torch::autograd::Function<Direct> {
 public:
  static at::Tensor forward(
      AutogradContext* context,
      const at::Tensor& z,
      const at::Tensor& input,
      const c10::intrusive_ptr<Use>& use,
      at::TensorList parameters) {
    variable_list saved{input};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["use"] =
        at::IValue::make_capsule(c10::static_intrusive_pointer_cast<torch::CustomClassHolder>(use));
    return z.view_as(z);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    const torch::NoGradGuard no_grad;
    const variable_list saved = context->get_saved_variables();
    const auto use = c10::static_intrusive_pointer_cast<Use>(context->saved_data["use"].toCapsule());
    const at::Tensor& input = saved.front();
    LayerPass pass;
    pass.records = input.size(0);
    pass.grad_output = grad_outputs.front();
    pass.parameters.assign(saved.begin() + 1, saved.end());
    pass.transfer = [&](Trained trained) { return use->make_transfer(input, trained); };

    variable_list gradients(3 + pass.parameters.size());
    gradients[0] = grad_outputs.front();
    std::vector<at::Tensor> direction = use->rule->direction(pass);
    std::move(direction.begin(), direction.end(), gradients.begin() + 3);
    return gradients;
  }
};

at::Tensor detached(const at::Tensor& parameter) {
  return parameter.defined() ? parameter.detach() : parameter;
}

template <class Options>
ConvGeometry geometry_of(const Options& options) {
  ConvGeometry geometry;
  geometry.out_channels = options.out_channels();
  geometry.kernel_size.assign(options.kernel_size()->begin(), options.kernel_size()->end());
  geometry.stride.assign(options.stride()->begin(), options.stride()->end());
  geometry.dilation.assign(options.dilation()->begin(), options.dilation()->end());
  geometry.groups = options.groups();
  return geometry;
}

ConvGeometry geometry_of_conv(const torch::nn::Conv2dOptions& options) {
  ConvGeometry geometry = geometry_of(options);
  const auto& padding = std::get<torch::ExpandingArray<2>>(options.padding());
  geometry.padding.assign(padding->begin(), padding->end());
  return geometry;
}

ConvTransposeGeometry geometry_of_transposed(const torch::nn::ConvTranspose2dOptions& options) {
  ConvTransposeGeometry geometry{geometry_of(options), {}};
  geometry.padding.assign(options.padding()->begin(), options.padding()->end());
  geometry.output_padding.assign(options.output_padding()->begin(), options.output_padding()->end());
  return geometry;
}

}  // namespace

at::Tensor DirectedLayer::direct(
    const at::Tensor& z, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const auto use = c10::make_intrusive<Use>();
  use->rule = rule_;
  use->make_transfer = make_transfer_;
  const std::vector<at::Tensor> parameters = bias.defined() ? std::vector{weight, bias} : std::vector{weight};
  return Direct::apply(z, input.detach(), use, at::TensorList(parameters));
}

DirectedLinearImpl::DirectedLinearImpl(const torch::nn::LinearOptions& sizes, std::unique_ptr<DirectionRule> rule)
    : LinearImpl(sizes),
      DirectedLayer(
          std::move(rule), sizes.bias(), [outputs = sizes.out_features()](const at::Tensor& input, Trained trained) {
            return std::make_unique<DenseTransfer>(input, outputs, trained);
          }) {}

at::Tensor DirectedLinearImpl::forward(const at::Tensor& input) {
  return direct(at::linear(input, weight.detach(), detached(bias)), input, weight, bias);
}

DirectedConv2dImpl::DirectedConv2dImpl(const torch::nn::Conv2dOptions& sizes, std::unique_ptr<DirectionRule> rule)
    : Conv2dImpl(sizes),
      DirectedLayer(
          std::move(rule),
          sizes.bias(),
          [geometry = geometry_of_conv(sizes)](const at::Tensor& input, Trained trained) {
            return std::make_unique<ConvTransfer>(input, geometry, trained);
          }),
      geometry_(geometry_of_conv(sizes)) {}

at::Tensor DirectedConv2dImpl::forward(const at::Tensor& input) {
  const at::Tensor z = at::conv2d(
      input, weight.detach(), detached(bias), geometry_.stride, geometry_.padding, geometry_.dilation,
      geometry_.groups);
  return direct(z, input, weight, bias);
}

DirectedConvTranspose2dImpl::DirectedConvTranspose2dImpl(
    const torch::nn::ConvTranspose2dOptions& sizes, std::unique_ptr<DirectionRule> rule)
    : ConvTranspose2dImpl(sizes),
      DirectedLayer(
          std::move(rule),
          sizes.bias(),
          [geometry = geometry_of_transposed(sizes)](const at::Tensor& input, Trained trained) {
            return std::make_unique<ConvTransposeTransfer>(input, geometry, trained);
          }),
      geometry_(geometry_of_transposed(sizes)) {}

at::Tensor DirectedConvTranspose2dImpl::forward(const at::Tensor& input) {
  const at::Tensor z = at::conv_transpose2d(
      input, weight.detach(), detached(bias), geometry_.stride, geometry_.padding, geometry_.output_padding,
      geometry_.groups, geometry_.dilation);
  return direct(z, input, weight, bias);
}

}  // namespace proxprop::train
