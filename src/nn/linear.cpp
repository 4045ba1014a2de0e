#include <proxprop/nn/linear.h>

#include "autograd/transfer_function.h"
#include "nn/solver_defaults.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/types.h>

#include <cmath>
#include <ostream>

namespace proxprop::nn {

LinearImpl::LinearImpl(const LinearOptions& layer_options) : options(layer_options) {
  check(proximal_options());
  TORCH_CHECK(
      options.in_features() > 0 && options.out_features() > 0,
      "proxprop: Linear needs positive sizes, got in_features = ", options.in_features(),
      ", out_features = ", options.out_features());
  LinearImpl::reset();
}

void LinearImpl::reset() {
  weight = register_parameter("weight", torch::empty({options.out_features(), options.in_features()}));
  bias =
      register_parameter("bias", options.bias() ? torch::empty(options.out_features()) : at::Tensor(), options.bias());
  reset_parameters();
}

void LinearImpl::reset_parameters() {
  torch::nn::init::kaiming_uniform_(weight, std::sqrt(5));
  if (bias.defined()) {
    const auto bound = 1 / std::sqrt(double(options.in_features()));
    torch::nn::init::uniform_(bias, -bound, bound);
  }
}

void LinearImpl::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "proxprop::nn::Linear(in_features=" << options.in_features()
         << ", out_features=" << options.out_features() << ", bias=" << options.bias()
         << ", tau_theta=" << proximal_options().tau_theta << ", solver=" << to_string(proximal_options().solver)
         << ")";
}

ProximalOptions LinearImpl::proximal_options() const {
  return step_options(options, Coupling::per_output);
}

void LinearImpl::set_proximal_options(const ProximalOptions& step) {
  set_step_options(options, step);
}

namespace {

void check_input(const LinearOptions& options, const at::Tensor& input) {
  TORCH_CHECK(
      input.dim() >= 1 && input.size(-1) == options.in_features(), "proxprop: Linear expects an input [*, ",
      options.in_features(), "], got shape ", input.sizes());
}

}  // namespace

at::Tensor LinearImpl::forward(const at::Tensor& input) {
  check_input(options, input);
  std::vector<at::Tensor> parameters{weight};
  if (bias.defined()) {
    parameters.push_back(bias);
  }
  return run(autograd::linear_function(), input, parameters);
}

Plan LinearImpl::plan(const at::Tensor& input) const {
  check_input(options, input);
  const Trained trained{weight.requires_grad(), bias.defined() && bias.requires_grad()};
  if (!trained.weight && !trained.bias) {
    return frozen_plan();
  }
  const DenseTransfer transfer(input, options.out_features(), trained);
  return proxprop::plan(describe(transfer, proximal_options(), input.device()));
}

}  // namespace proxprop::nn
