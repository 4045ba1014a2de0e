#include <proxprop/nn/linear_map.h>

#include "autograd/linear_map_function.h"
#include "nn/solver_defaults.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop::nn {

LinearMapImpl::LinearMapImpl(NamedParameters parameters, Phi phi, LinearMapOptions layer_options)
    : options(std::move(layer_options)), initial_(std::move(parameters)), phi_(std::move(phi)) {
  check(proximal_options());
  TORCH_CHECK(!initial_.empty(), "proxprop: LinearMap needs at least one parameter");
  TORCH_CHECK(phi_, "proxprop: LinearMap needs a map phi(theta, input)");
  LinearMapImpl::reset();
}

void LinearMapImpl::reset() {
  for (const auto& [name, value] : initial_) {
    register_parameter(name, value.detach().clone());
  }
}

std::vector<at::Tensor> LinearMapImpl::theta() const {
  return parameters(/*recurse=*/false);
}

ProximalOptions LinearMapImpl::proximal_options() const {
  return step_options(options, Coupling::joint);
}

void LinearMapImpl::set_proximal_options(const ProximalOptions& step) {
  set_step_options(options, step);
}

at::Tensor LinearMapImpl::forward(const at::Tensor& input) {
  return run(autograd::linear_map_function(phi_), input, theta());
}

Plan LinearMapImpl::plan(const at::Tensor&) const {
  Problem problem;
  problem.solver = proximal_options().solver;
  return proxprop::plan(problem);
}

double LinearMapImpl::check_linear(const at::Tensor& input) const {
  at::NoGradGuard no_grad;
  const auto parameters = theta();
  std::vector<at::Tensor> x, y, sum;
  for (const auto& parameter : parameters) {
    x.push_back(at::randn_like(parameter));
    y.push_back(at::randn_like(parameter));
    sum.push_back(x.back() + y.back());
  }
  const auto of_sum = phi_(sum, input);
  const auto sum_of = phi_(x, input) + phi_(y, input);
  const auto scale = at::clamp_min(of_sum.norm(), 1e-30);
  const auto additivity = ((of_sum - sum_of).norm() / scale).item<double>();

  const auto transfer =
      autograd::linear_map_function(phi_)->transfer(input, parameters, autograd::TrainedMask(parameters.size(), true));
  return std::max(additivity, check_adjoint(*transfer, of_sum));
}

}  // namespace proxprop::nn
