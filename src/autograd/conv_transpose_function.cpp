#include "autograd/transfer_function.h"

#include <ATen/ATen.h>

namespace proxprop::autograd {

namespace {

class ConvTransposeFunction final : public TransferFunction {
 public:
  explicit ConvTransposeFunction(ConvTransposeGeometry geometry) : geometry_(std::move(geometry)) {}

  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    return at::convolution(
        input, parameters[0], parameters.size() > 1 ? std::optional(parameters[1]) : std::nullopt, geometry_.stride,
        geometry_.padding, geometry_.dilation, /*transposed=*/true, geometry_.output_padding, geometry_.groups);
  }

  at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor& input, at::TensorList parameters) const override {
    return std::get<0>(at::convolution_backward(
        grad_output, input, parameters[0], at::OptionalIntArrayRef(), geometry_.stride, geometry_.padding,
        geometry_.dilation, /*transposed=*/true, geometry_.output_padding, geometry_.groups, {true, false, false}));
  }

  std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList, const TrainedMask& trained) const override {
    return std::make_shared<ConvTransposeTransfer>(
        input, geometry_, Trained{trained[0], trained.size() > 1 && trained[1]});
  }

 private:
  ConvTransposeGeometry geometry_;
};

}  // namespace

TransferFunctionPtr conv_transpose_function(ConvTransposeGeometry geometry) {
  return c10::make_intrusive<ConvTransposeFunction>(std::move(geometry));
}

}  // namespace proxprop::autograd
