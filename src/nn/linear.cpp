#include <proxprop/nn/linear.h>

#include "autograd/transfer_function.h"
#include "nn/solver_defaults.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/types.h>

#include <cmath>
#include <ostream>

namespace proxprop::nn {

namespace {

ProximalOptions step_options(const LinearOptions& options) {
  return {
      options.tau_theta(), with_coupling(options.solver(), Coupling::per_output), options.scaling(), options.route()};
}

}  // namespace

LinearImpl::LinearImpl(const LinearOptions& layer_options)
    : ProximalLayer(step_options(layer_options)), options(layer_options) {
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

at::Tensor LinearImpl::forward(const at::Tensor& input) {
  TORCH_CHECK(
      input.dim() >= 1 && input.size(-1) == options.in_features(), "proxprop: Linear expects an input [*, ",
      options.in_features(), "], got shape ", input.sizes());
  std::vector<at::Tensor> parameters{weight};
  if (bias.defined()) {
    parameters.push_back(bias);
  }
  return run(autograd::linear_function(), input, parameters);
}

Plan LinearImpl::plan(const at::Tensor& input) const {
  const DenseTransfer transfer(input, options.out_features(), {true, bias.defined()});
  return proxprop::plan(describe(transfer, proximal_options().solver));
}

}  // namespace proxprop::nn
