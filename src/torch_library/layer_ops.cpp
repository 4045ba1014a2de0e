// One use of a layer as torch.compile traces it: ATen's forward pass and input gradient, and V by an operator.

#include "torch_library/conv_arguments.h"
#include "torch_library/direction_ops.h"
#include "torch_library/single_use.h"
#include "torch_library/step_arguments.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace proxprop::torch_library {

namespace {

template <typename Function>
auto find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<std::remove_pointer_t<Function>>();
}

// What is wrong with the step shows here rather than in backward.
void check_step(PROXPROP_STEP_PARAMETERS, Coupling coupling) {
  const auto options = step_options(PROXPROP_STEP_VALUES, coupling);
  TORCH_CHECK(
      !keeps_state(options.solver), "proxprop: solver '", to_string(options.solver),
      "' keeps something from step to step, which a region of torch.compile cannot; leave the layer out of the region "
      "(torch.compiler.disable)");
}

at::Tensor linear_forward(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_STEP_TYPES,
    const std::optional<at::Tensor>&) {
  return at::linear(input, weight, bias);
}

at::Tensor linear_autograd(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_STEP_PARAMETERS,
    const std::optional<at::Tensor>& row_mask) {
  check_step(PROXPROP_STEP_VALUES, Coupling::per_output);
  if (solver == "gradient") {
    return at::linear(input, weight, bias);
  }
  static const auto linear_direction = find<decltype(&torch_library::linear_direction)>("proxprop::linear_direction");
  auto direction = [step = kept(PROXPROP_STEP_VALUES), row_mask](
                       const at::Tensor& a, const at::Tensor& g, const at::Tensor& parameter, bool w, bool b) {
    return linear_direction.call(
        {a}, {g}, w, b, step.tau_theta, step.solver, step.solver_arguments, step.scaling, step.route, step.memory_limit,
        step.process_group, parameter, std::nullopt, row_mask);
  };
  return single_use(autograd::linear_function(), std::move(direction), input, weight, bias);
}

at::Tensor conv_forward(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_CONV_PARAMETERS,
    PROXPROP_STEP_TYPES) {
  const auto function = conv_arguments_of(weight, PROXPROP_CONV_VALUES).function();
  return function->forward(input, bias ? std::vector{weight, *bias} : std::vector{weight});
}

at::Tensor conv_autograd(
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_CONV_PARAMETERS,
    PROXPROP_STEP_PARAMETERS) {
  check_step(PROXPROP_STEP_VALUES, Coupling::joint);
  if (solver == "gradient") {
    return conv_forward(input, weight, bias, PROXPROP_CONV_VALUES, PROXPROP_STEP_VALUES);
  }
  static const auto conv_direction = find<decltype(&torch_library::conv_direction)>("proxprop::conv_direction");
  const auto conv = conv_arguments_of(weight, PROXPROP_CONV_VALUES);
  auto direction = [conv, step = kept(PROXPROP_STEP_VALUES)](
                       const at::Tensor& a, const at::Tensor& g, const at::Tensor& parameter, bool w, bool b) {
    const auto& geometry = conv.geometry;
    return conv_direction.call(
        {a}, {g}, geometry.kernel_size, geometry.stride, geometry.padding, geometry.dilation, conv.transposed,
        geometry.output_padding, geometry.groups, w, b, step.tau_theta, step.solver, step.solver_arguments,
        step.scaling, step.route, step.memory_limit, step.process_group, parameter, std::nullopt);
  };
  return single_use(conv.function(), std::move(direction), input, weight, bias);
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
