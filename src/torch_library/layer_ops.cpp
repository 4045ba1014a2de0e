// One use of a layer as torch.compile traces it: ATen's forward pass and input gradient, and V by an operator.

#include "torch_library/conv_arguments.h"
#include "torch_library/single_use.h"
#include "torch_library/step_arguments.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <string>
#include <vector>

namespace proxprop::torch_library {

namespace {

using Pair = std::tuple<at::Tensor, at::Tensor>;
using Numbers = c10::ArrayRef<double>;

// The step's arguments, kept until backward.
struct Step {
  double tau_theta;
  std::string solver;
  std::vector<double> solver_arguments;
  std::string scaling;
};

template <typename Signature>
c10::TypedOperatorHandle<Signature> find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

bool is_gradient(std::string_view solver) {
  return solver == "gradient";
}

at::Tensor linear_forward(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    double,
    std::string_view,
    Numbers,
    std::string_view) {
  return at::linear(input, weight, bias);
}

at::Tensor linear_autograd(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    double tau_theta,
    std::string_view solver,
    Numbers solver_arguments,
    std::string_view scaling) {
  step_options(tau_theta, solver, solver_arguments, scaling, Coupling::per_output);  // what is wrong shows here
  if (is_gradient(solver)) {
    return at::linear(input, weight, bias);
  }
  using Signature = Pair(
      at::TensorList, at::TensorList, bool, bool, double, std::string_view, Numbers, std::string_view,
      const std::optional<at::Tensor>&);
  static const auto linear_direction = find<Signature>("proxprop::linear_direction");
  Step step{tau_theta, std::string(solver), solver_arguments.vec(), std::string(scaling)};
  auto direction = [step = std::move(step)](
                       const at::Tensor& a, const at::Tensor& g, const at::Tensor& parameter, bool w, bool b) {
    return linear_direction.call(
        {a}, {g}, w, b, step.tau_theta, step.solver, step.solver_arguments, step.scaling, parameter);
  };
  return single_use(autograd::linear_function(), std::move(direction), input, weight, bias);
}

at::Tensor conv_forward(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    at::IntArrayRef stride,
    at::IntArrayRef padding,
    at::IntArrayRef dilation,
    int64_t groups,
    double,
    std::string_view,
    Numbers,
    std::string_view) {
  const auto function = autograd::conv_function(geometry_of(weight, stride, padding, dilation, groups));
  return function->forward(input, bias ? std::vector{weight, *bias} : std::vector{weight});
}

at::Tensor conv_autograd(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    at::IntArrayRef stride,
    at::IntArrayRef padding,
    at::IntArrayRef dilation,
    int64_t groups,
    double tau_theta,
    std::string_view solver,
    Numbers solver_arguments,
    std::string_view scaling) {
  step_options(tau_theta, solver, solver_arguments, scaling, Coupling::joint);
  if (is_gradient(solver)) {
    return conv_forward(
        input, weight, bias, stride, padding, dilation, groups, tau_theta, solver, solver_arguments, scaling);
  }
  using Signature = Pair(
      at::TensorList, at::TensorList, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, bool,
      bool, double, std::string_view, Numbers, std::string_view, const std::optional<at::Tensor>&);
  static const auto conv_direction = find<Signature>("proxprop::conv_direction");
  auto geometry = geometry_of(weight, stride, padding, dilation, groups);
  Step step{tau_theta, std::string(solver), solver_arguments.vec(), std::string(scaling)};
  auto direction = [geometry, step = std::move(step)](
                       const at::Tensor& a, const at::Tensor& g, const at::Tensor& parameter, bool w, bool b) {
    return conv_direction.call(
        {a}, {g}, geometry.kernel_size, geometry.stride, geometry.padding, geometry.dilation, geometry.groups, w, b,
        step.tau_theta, step.solver, step.solver_arguments, step.scaling, parameter);
  };
  return single_use(autograd::conv_function(std::move(geometry)), std::move(direction), input, weight, bias);
}

}  // namespace

TORCH_LIBRARY_IMPL(proxprop, CompositeExplicitAutograd, m) {
  m.impl("linear", linear_forward);
  m.impl("conv", conv_forward);
}

TORCH_LIBRARY_IMPL(proxprop, Autograd, m) {
  m.impl("linear", linear_autograd);
  m.impl("conv", conv_autograd);
}

}  // namespace proxprop::torch_library
