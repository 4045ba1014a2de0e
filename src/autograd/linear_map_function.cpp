#include "autograd/linear_map_function.h"

#include "autograd/solve_precision.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace proxprop::autograd {

namespace {

// The trained parameters in their places among all of them. phi is linear in all parameters together, so that its
// linear part in the trained ones is phi with zeros for the others.
std::vector<at::Tensor> place(at::TensorList theta, const std::vector<at::Tensor>& zeros, const TrainedMask& trained) {
  std::vector<at::Tensor> all = zeros;
  for (size_t i = 0, next = 0; i < all.size(); ++i) {
    if (trained[i]) {
      all[i] = theta[next++];
    }
  }
  return all;
}

class LinearMapFunction final : public TransferFunction {
 public:
  explicit LinearMapFunction(Phi phi) : phi_(std::move(phi)) {}

  at::Tensor forward(const at::Tensor& input, at::TensorList parameters) const override {
    return phi_(parameters, input);
  }

  at::Tensor input_gradient(
      const at::Tensor& grad_output, const at::Tensor& input, at::TensorList parameters) const override {
    at::AutoGradMode enable_grad(true);
    const auto variable = input.detach().requires_grad_();
    std::vector<at::Tensor> constants;
    for (const auto& parameter : parameters) {
      constants.push_back(parameter.detach());
    }
    return torch::autograd::grad({phi_(constants, variable)}, {variable}, {grad_output}).front();
  }

  std::shared_ptr<const LinearTransfer> transfer(
      const at::Tensor& input, at::TensorList parameters, const TrainedMask& trained) const override {
    std::vector<std::vector<int64_t>> shapes;
    std::vector<at::Tensor> zeros;
    for (size_t i = 0; i < parameters.size(); ++i) {
      zeros.push_back(in_solve_precision(at::zeros_like(parameters[i]).detach()));
      if (trained[i]) {
        shapes.push_back(parameters[i].sizes().vec());
      }
    }
    const auto constant_input = in_solve_precision(input.detach());
    auto apply = [phi = phi_, zeros, trained, constant_input](at::TensorList theta) {
      at::NoGradGuard no_grad;
      return phi(place(theta, zeros, trained), constant_input);
    };
    auto adjoint = [phi = phi_, zeros, trained, shapes, constant_input](const at::Tensor& z) {
      at::AutoGradMode enable_grad(true);
      std::vector<at::Tensor> theta;
      for (const auto& shape : shapes) {
        theta.push_back(at::zeros(shape, z.options()).requires_grad_());
      }
      return torch::autograd::grad({phi(place(theta, zeros, trained), constant_input)}, theta, {z});
    };
    return std::make_shared<FunctionTransfer>(std::move(shapes), std::move(apply), std::move(adjoint));
  }

 private:
  Phi phi_;
};

}  // namespace

TransferFunctionPtr linear_map_function(Phi phi) {
  return c10::make_intrusive<LinearMapFunction>(std::move(phi));
}

}  // namespace proxprop::autograd
