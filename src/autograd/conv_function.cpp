#include "autograd/solve_precision.h"
#include "autograd/transfer_function.h"

#include "prox/direct_convolution.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

namespace proxprop::autograd {

namespace {

// The direct kernels read memory: not what torch.compile traces with, and not in the dtype that autocast wants.
bool direct_kernels_apply(const at::Tensor& x) {
  return !x.unsafeGetTensorImpl()->is_python_dispatch() && !at::autocast::is_autocast_enabled(x.device().type());
}

using Conv = at::Tensor(
    const at::Tensor&,
    const at::Tensor&,
    const std::optional<at::Tensor>&,
    at::IntArrayRef,
    at::IntArrayRef,
    at::IntArrayRef,
    int64_t);

template <Conv* conv>
at::Tensor convolve(const at::Tensor& input, at::TensorList parameters, const ConvGeometry& geometry) {
  return conv(
      input, parameters[0], parameters.size() > 1 ? std::optional(parameters[1]) : std::nullopt, geometry.stride,
      geometry.padding, geometry.dilation, geometry.groups);
}

class ConvFunction final : public TransferFunction {
 public:
  explicit ConvFunction(ConvGeometry geometry)
      : geometry_(std::move(geometry)), no_output_padding_(geometry_.kernel_size.size(), 0) {}

  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    // Without a session (solver `Gradient`, no backward wanted) autograd may have to see this.
    if (!at::GradMode::is_enabled() && direct_kernels_apply(input) && direct_convolution_pays(input, geometry_)) {
      return direct_convolution(input, parameters[0], parameters.size() > 1 ? parameters[1] : at::Tensor(), geometry_);
    }
    // Not at::convolution, which autocast does not know on the CPU.
    const auto dims = geometry_.kernel_size.size();
    return (
        dims == 1   ? convolve<at::conv1d>
        : dims == 2 ? convolve<at::conv2d>
                    : convolve<at::conv3d>)(input, parameters, geometry_);
  }

  at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor& input, at::TensorList parameters) const override {
    if (direct_kernels_apply(grad_output) && direct_input_gradient_pays(grad_output, parameters[0], geometry_)) {
      return direct_input_gradient(grad_output, parameters[0], geometry_);
    }
    return std::get<0>(at::convolution_backward(
        grad_output, input, parameters[0], at::OptionalIntArrayRef(), geometry_.stride, geometry_.padding,
        geometry_.dilation, /*transposed=*/false, no_output_padding_, geometry_.groups, {true, false, false}));
  }

  std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList, const TrainedMask& trained) const override {
    return std::make_shared<ConvTransfer>(
        in_solve_precision(input), geometry_, Trained{trained[0], trained.size() > 1 && trained[1]});
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
