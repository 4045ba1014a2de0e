#include "autograd/solve_precision.h"
#include "autograd/transfer_function.h"

#include <ATen/ATen.h>

namespace proxprop::autograd {

namespace {

class LinearFunction final : public TransferFunction {
 public:
  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    return at::linear(input, parameters[0], parameters.size() > 1 ? std::optional(parameters[1]) : std::nullopt);
  }

  at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor&, at::TensorList parameters) const override {
    return at::matmul(grad_output, parameters[0]);
  }

  std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList parameters, const TrainedMask& trained) const override {
    return std::make_shared<DenseTransfer>(
        in_solve_precision(input), parameters[0].size(0), Trained{trained[0], trained.size() > 1 && trained[1]});
  }
};

}  // namespace

TransferFunctionPtr linear_function() {
  static const TransferFunctionPtr function = c10::make_intrusive<LinearFunction>();
  return function;
}

}  // namespace proxprop::autograd
