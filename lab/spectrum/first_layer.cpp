#include "lab/spectrum/first_layer.h"

#include <proxprop/prox/transfers.h>

#include <torch/torch.h>

namespace proxprop::spectrum {
namespace {

std::unique_ptr<LinearTransfer> transfer(torch::nn::Module& module, const at::Tensor& input, bool bias) {
  if (const auto* linear = module.as<torch::nn::Linear>())
    return std::make_unique<DenseTransfer>(
        input, linear->options.out_features(), Trained{true, bias && linear->options.bias()});
  const auto* conv = module.as<torch::nn::Conv2d>();
  TORCH_CHECK_VALUE(
      conv != nullptr && conv->options.groups() == 1,
      "the first layer with parameters must be linear or an ungrouped 2d convolution, it is ", module.name());
  const auto list = [](const torch::ExpandingArray<2>& sizes) {
    return std::vector<int64_t>(sizes->begin(), sizes->end());
  };
  const auto padding = std::get<torch::ExpandingArray<2>>(conv->options.padding());
  return std::make_unique<ConvTransfer>(
      input,
      ConvGeometry{
          conv->options.out_channels(), list(conv->options.kernel_size()), list(conv->options.stride()), list(padding),
          list(conv->options.dilation()), 1},
      Trained{true, bias && conv->options.bias()});
}

}  // namespace

FirstLayerHessian::FirstLayerHessian(torch::nn::Sequential model, bool bias) : model_(std::move(model)), bias_(bias) {}

void FirstLayerHessian::add(const at::Tensor& input) {
  const torch::NoGradGuard no_grad;
  at::Tensor value = input;
  for (auto& module : *model_) {
    if (module.ptr()->parameters().empty()) {
      value = module.forward(value);
      continue;
    }
    const auto layer = transfer(*module.ptr(), value, bias_);
    const at::Tensor gram = layer->feature_gram().squeeze(0);
    matrix_ = matrix_.defined() ? matrix_ + gram : gram;
    rows_ += layer->dimensions()->rows;
    return;
  }
  TORCH_CHECK_VALUE(false, "the model has no layer with parameters");
}

}  // namespace proxprop::spectrum
