#include "autograd/solve_precision.h"
#include "autograd/transfer_function.h"

#include <ATen/ATen.h>

namespace proxprop::autograd {

namespace {

using ConvTranspose = at::Tensor(
    const at::Tensor&,
    const at::Tensor&,
    const std::optional<at::Tensor>&,
    at::IntArrayRef,
    at::IntArrayRef,
    at::IntArrayRef,
    int64_t,
    at::IntArrayRef);

template <ConvTranspose* conv_transpose>
at::Tensor convolve(const at::Tensor& input, at::TensorList parameters, const ConvTransposeGeometry& geometry) {
  return conv_transpose(
      input, parameters[0], parameters.size() > 1 ? std::optional(parameters[1]) : std::nullopt, geometry.stride,
      geometry.padding, geometry.output_padding, geometry.groups, geometry.dilation);
}

class ConvTransposeFunction final : public TransferFunction {
 public:
  explicit ConvTransposeFunction(ConvTransposeGeometry geometry) : geometry_(std::move(geometry)) {}

  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    // Not at::convolution, which autocast does not know on the CPU.
    const auto dims = geometry_.kernel_size.size();
    return (
        dims == 1   ? convolve<at::conv_transpose1d>
        : dims == 2 ? convolve<at::conv_transpose2d>
                    : convolve<at::conv_transpose3d>)(input, parameters, geometry_);
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
        in_solve_precision(input), geometry_, Trained{trained[0], trained.size() > 1 && trained[1]});
  }

 private:
  ConvTransposeGeometry geometry_;
};

}  // namespace

TransferFunctionPtr conv_transpose_function(ConvTransposeGeometry geometry) {
  return c10::make_intrusive<ConvTransposeFunction>(std::move(geometry));
}

}  // namespace proxprop::autograd
