// The schemas of torch.ops.proxprop.
//
// linear_direction, conv_direction: V of all uses in the two lists, as (weight, bias); an empty tensor stands for a
//   parameter that is not trained. `parameter` names the weight in a compiled backward pass, whose uses come singly.
// linear, conv: one use of a layer as torch.compile can trace it; each call takes a step of its own.
// tracked_*: one use of a layer; all uses that share a tracker before one backward pass take one step.
// call_map: implemented in Python; phi(theta, input) of the module behind the number `map`.

#include "torch_library/parameter_tracker_class.h"
#include "torch_library/step_arguments.h"

#include <torch/library.h>

#define PROXPROP_CONV_SCHEMA "int[] stride, int[] padding, int[] dilation, int groups"
#define PROXPROP_TRACKER_SCHEMA "__torch__.torch.classes.proxprop.ParameterTracker tracker"

namespace proxprop::torch_library {

TORCH_LIBRARY(proxprop, m) {
  m.class_<ParameterTracker>("ParameterTracker").def(torch::init<>());

  m.def("linear_direction(Tensor[] inputs, Tensor[] grad_outputs, bool weight, bool bias, " PROXPROP_STEP_SCHEMA
        ", Tensor? parameter=None) -> (Tensor, Tensor)");
  m.def("conv_direction(Tensor[] inputs, Tensor[] grad_outputs, int[] kernel_size, " PROXPROP_CONV_SCHEMA
        ", bool weight, bool bias, " PROXPROP_STEP_SCHEMA ", Tensor? parameter=None) -> (Tensor, Tensor)");

  m.def("linear(Tensor input, Tensor weight, Tensor? bias, " PROXPROP_STEP_SCHEMA ") -> Tensor");
  m.def("conv(Tensor input, Tensor weight, Tensor? bias, " PROXPROP_CONV_SCHEMA ", " PROXPROP_STEP_SCHEMA
        ") -> Tensor");

  m.def("tracked_linear(" PROXPROP_TRACKER_SCHEMA ", Tensor input, Tensor weight, Tensor? bias, " PROXPROP_STEP_SCHEMA
        ") -> Tensor");
  m.def("tracked_conv(" PROXPROP_TRACKER_SCHEMA ", Tensor input, Tensor weight, Tensor? bias, " PROXPROP_CONV_SCHEMA
        ", " PROXPROP_STEP_SCHEMA ") -> Tensor");
  m.def("tracked_map(" PROXPROP_TRACKER_SCHEMA ", int map, Tensor input, Tensor[] parameters, " PROXPROP_STEP_SCHEMA
        ") -> Tensor");

  m.def("call_map(int map, Tensor[] theta, Tensor input) -> Tensor");
}

}  // namespace proxprop::torch_library
