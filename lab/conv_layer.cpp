#include "lab/layer.h"

#include "lab/parameters.h"

#include <ATen/ATen.h>

namespace proxprop::lab {
namespace {

at::Tensor convolution(
    const at::Tensor& a, const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry) {
  const std::vector<int64_t> none(geometry.kernel_size.size(), 0);
  const auto optional_bias = bias.defined() ? std::optional(bias) : std::nullopt;
  return at::convolution(
      a, weight, optional_bias, geometry.stride, geometry.padding, geometry.dilation, /*transposed=*/false, none,
      geometry.groups);
}

at::Tensor convolution_adjoint(
    const at::Tensor& z, const at::Tensor& a, const at::Tensor& weight, const ConvGeometry& geometry) {
  const std::vector<int64_t> none(geometry.kernel_size.size(), 0);
  return std::get<0>(at::convolution_backward(
      z, a, weight, std::nullopt, geometry.stride, geometry.padding, geometry.dilation, /*transposed=*/false, none,
      geometry.groups, {true, false, false}));
}

class ConvLayer final : public Layer {
 public:
  ConvLayer(const at::Tensor& weight, const at::Tensor& bias, ConvGeometry geometry)
      : weight_(weight), bias_(bias), geometry_(std::move(geometry)) {
    TORCH_CHECK(
        weight.dim() == int64_t(geometry_.kernel_size.size()) + 2 && weight.size(0) == geometry_.out_channels,
        "proxprop: a convolution's weight is [out_channels, in_channels / groups, *kernel_size], got shape ",
        weight.sizes());
  }

  std::string name() const override { return "conv" + std::to_string(geometry_.kernel_size.size()) + "d"; }
  std::vector<at::Tensor> parameters() const override { return trained_of({weight_, bias_}); }

  at::Tensor apply(const at::Tensor& a) const override {
    at::NoGradGuard no_grad;
    return convolution(a, weight_, bias_, geometry_);
  }

  std::shared_ptr<const LinearTransfer> parameter_transfer(const at::Tensor& a) const override {
    return std::make_shared<ConvTransfer>(a, geometry_, Trained{is_trained(weight_), is_trained(bias_)});
  }

  std::shared_ptr<const LinearTransfer> input_transfer(const at::Tensor& a) const override {
    const auto apply = [weight = weight_.detach(), geometry = geometry_](at::TensorList theta) {
      return convolution(theta[0], weight, {}, geometry);
    };
    const auto adjoint = [a, weight = weight_.detach(), geometry = geometry_](const at::Tensor& z) {
      return std::vector{convolution_adjoint(z, a, weight, geometry)};
    };
    return std::make_shared<FunctionTransfer>(std::vector<std::vector<int64_t>>{a.sizes().vec()}, apply, adjoint);
  }

  at::Tensor input_adjoint(const at::Tensor& a, const at::Tensor& z) const override {
    at::NoGradGuard no_grad;
    return convolution_adjoint(z, a, weight_, geometry_);
  }

  Coupling default_coupling() const override { return Coupling::joint; }

  LayerPtr copy(at::ScalarType dtype) const override {
    return conv_layer(copy_of(weight_, dtype), copy_of(bias_, dtype), geometry_);
  }

 private:
  at::Tensor weight_, bias_;
  ConvGeometry geometry_;
};

}  // namespace

LayerPtr conv_layer(const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry) {
  return std::make_shared<ConvLayer>(weight, bias, geometry);
}

}  // namespace proxprop::lab
