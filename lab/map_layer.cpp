#include "lab/layer.h"

#include "lab/parameters.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace proxprop::lab {
namespace {

std::vector<at::Tensor> detached(at::TensorList tensors) {
  std::vector<at::Tensor> result;
  for (const auto& tensor : tensors)
    result.push_back(tensor.detach());
  return result;
}

class MapLayer final : public Layer {
 public:
  MapLayer(std::vector<at::Tensor> theta, Phi phi) : theta_(std::move(theta)), phi_(std::move(phi)) {
    TORCH_CHECK(
        !theta_.empty() && trained_of(theta_).size() == theta_.size(),
        "proxprop: every parameter of a map layer must require a gradient; put constants into the map");
  }

  std::string name() const override { return "map"; }
  std::vector<at::Tensor> parameters() const override { return theta_; }

  at::Tensor apply(const at::Tensor& a) const override {
    at::NoGradGuard no_grad;
    return phi_(theta_, a);
  }

  // phi is linear in theta: its adjoint is its gradient anywhere, here at the current theta.
  std::shared_ptr<const LinearTransfer> parameter_transfer(const at::Tensor& a) const override {
    std::vector<std::vector<int64_t>> shapes;
    for (const auto& parameter : theta_)
      shapes.push_back(parameter.sizes().vec());
    const auto apply = [a, phi = phi_](at::TensorList theta) {
      at::NoGradGuard no_grad;
      return phi(theta, a);
    };
    const auto adjoint = [a, phi = phi_, theta = detached(theta_)](const at::Tensor& z) {
      at::AutoGradMode record(true);
      std::vector<at::Tensor> variables;
      for (const auto& value : theta)
        variables.push_back(value.detach().requires_grad_());
      return torch::autograd::grad({phi(variables, a)}, variables, {z});
    };
    return std::make_shared<FunctionTransfer>(std::move(shapes), apply, adjoint);
  }

  std::shared_ptr<const LinearTransfer> input_transfer(const at::Tensor&) const override { return nullptr; }

  at::Tensor input_adjoint(const at::Tensor& a, const at::Tensor& z) const override {
    at::AutoGradMode record(true);
    const auto variable = a.detach().requires_grad_();
    return torch::autograd::grad({phi_(detached(theta_), variable)}, {variable}, {z}).front();
  }

  Coupling default_coupling() const override { return Coupling::joint; }

  LayerPtr copy(at::ScalarType dtype) const override {
    std::vector<at::Tensor> theta;
    for (const auto& parameter : theta_)
      theta.push_back(copy_of(parameter, dtype));
    return map_layer(std::move(theta), phi_);
  }

 private:
  std::vector<at::Tensor> theta_;
  Phi phi_;
};

}  // namespace

LayerPtr map_layer(std::vector<at::Tensor> theta, Phi phi) {
  return std::make_shared<MapLayer>(std::move(theta), std::move(phi));
}

}  // namespace proxprop::lab
