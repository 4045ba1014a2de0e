// One use of a layer in eager mode: the C++ layers' own machinery, reached through a tracker that the Python layer
// holds.

#include "torch_library/conv_arguments.h"
#include "torch_library/parameter_tracker_class.h"
#include "torch_library/step_arguments.h"

#include "autograd/linear_map_function.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace proxprop::torch_library {

namespace {

at::Tensor apply(
    ParameterTracker& owner,
    const autograd::TransferFunctionPtr& function,
    const at::Tensor& input,
    const std::vector<at::Tensor>& parameters,
    const ProximalOptions& options) {
  return autograd::apply_transfer(function, input, owner.tracker.track(parameters, options, nullptr));
}

std::vector<at::Tensor> parameters_of(const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  std::vector<at::Tensor> parameters{weight};
  if (bias) {
    parameters.push_back(*bias);
  }
  return parameters;
}

at::Tensor tracked_linear(
    const ParameterTrackerPtr& tracker,
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_STEP_PARAMETERS) {
  return apply(
      *tracker, autograd::linear_function(), input, parameters_of(weight, bias),
      step_options(PROXPROP_STEP_VALUES, Coupling::per_output));
}

at::Tensor tracked_shared_linear(
    const ParameterTrackerPtr& tracker,
    int64_t layer,
    const at::Tensor& input,
    at::TensorList weights,
    const c10::List<std::optional<at::Tensor>>& biases,
    PROXPROP_STEP_PARAMETERS) {
  TORCH_CHECK(
      weights.size() == biases.size() && layer >= 0 && size_t(layer) < weights.size(), "proxprop: layer ", layer,
      " of ", weights.size(), " weights and ", biases.size(), " biases");
  const auto options = step_options(PROXPROP_STEP_VALUES, Coupling::per_output);
  TORCH_CHECK(
      !keeps_state(options.solver), "proxprop: solver '", to_string(options.solver),
      "' keeps something for each layer: layers cannot share it");
  std::vector<std::vector<at::Tensor>> parameters;
  for (size_t i = 0; i < weights.size(); ++i) {
    parameters.push_back(parameters_of(weights[i], biases.get(i)));
  }
  return autograd::apply_transfer(
      autograd::linear_function(), input, tracker->tracker.track(parameters, size_t(layer), options, nullptr));
}

at::Tensor tracked_conv(
    const ParameterTrackerPtr& tracker,
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias,
    PROXPROP_CONV_PARAMETERS,
    PROXPROP_STEP_PARAMETERS) {
  return apply(
      *tracker, conv_arguments_of(weight, PROXPROP_CONV_VALUES).function(), input, parameters_of(weight, bias),
      step_options(PROXPROP_STEP_VALUES, Coupling::joint));
}

at::Tensor tracked_map(
    const ParameterTrackerPtr& tracker,
    int64_t map,
    const at::Tensor& input,
    at::TensorList parameters,
    PROXPROP_STEP_PARAMETERS) {
  static const auto call_map = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("proxprop::call_map", "")
                                   .typed<at::Tensor(int64_t, at::TensorList, const at::Tensor&)>();
  const auto phi = [map](at::TensorList theta, const at::Tensor& a) { return call_map.call(map, theta, a); };
  return apply(
      *tracker, autograd::linear_map_function(phi), input, parameters.vec(),
      step_options(PROXPROP_STEP_VALUES, Coupling::joint));
}

}  // namespace

TORCH_LIBRARY_IMPL(proxprop, CompositeImplicitAutograd, m) {
  m.impl("tracked_linear", tracked_linear);
  m.impl("tracked_shared_linear", tracked_shared_linear);
  m.impl("tracked_conv", tracked_conv);
  m.impl("tracked_map", tracked_map);
}

}  // namespace proxprop::torch_library
