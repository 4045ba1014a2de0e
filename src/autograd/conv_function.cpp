#include "autograd/transfer_function.h"

#include "prox/direct_convolution.h"

#include <ATen/ATen.h>

namespace proxprop::autograd {

namespace {

class ConvFunction final : public TransferFunction {
 public:
  explicit ConvFunction(ConvGeometry geometry)
      : geometry_(std::move(geometry)), no_output_padding_(geometry_.kernel_size.size(), 0) {}

  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    // Without a session (solver `Gradient`, no backward wanted) autograd may have to see this.
    if (!at::GradMode::is_enabled() && direct_convolution_pays(input, geometry_)) {
      return direct_convolution(input, parameters[0], parameters.size() > 1 ? parameters[1] : at::Tensor(), geometry_);
    }
    return at::convolution(
        input, parameters[0], parameters.size() > 1 ? std::optional(parameters[1]) : std::nullopt, geometry_.stride,
        geometry_.padding, geometry_.dilation, /*transposed=*/false, no_output_padding_, geometry_.groups);
  }

  at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor& input, at::TensorList parameters) const override {
    if (direct_input_gradient_pays(grad_output, parameters[0], geometry_)) {
      return direct_input_gradient(grad_output, parameters[0], geometry_);
    }
    return std::get<0>(at::convolution_backward(
        grad_output, input, parameters[0], at::OptionalIntArrayRef(), geometry_.stride, geometry_.padding,
        geometry_.dilation, /*transposed=*/false, no_output_padding_, geometry_.groups, {true, false, false}));
  }

  std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList, const TrainedMask& trained) const override {
    return std::make_shared<ConvTransfer>(input, geometry_, Trained{trained[0], trained.size() > 1 && trained[1]});
  }

 private:
  ConvGeometry geometry_;
  std::vector<int64_t> no_output_padding_;
};

}  // namespace

TransferFunctionPtr conv_function(ConvGeometry geometry) {
  return c10::make_intrusive<ConvFunction>(std::move(geometry));
}

}  // namespace proxprop::autograd
