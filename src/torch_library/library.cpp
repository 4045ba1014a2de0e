// The schemas of torch.ops.proxprop.
//
// linear_direction, conv_direction: V itself (direction_ops.h).
// linear, conv: one use of a layer as torch.compile can trace it; each call takes a step of its own. Rows where
// `row_mask` is false are constants of the step.
// tracked_*: one use of a layer; all uses that share a tracker before one backward pass take one step.
// tracked_shared_linear: one use of one of several layers, given the parameters of all, which take one step together.
// call_map: implemented in Python; phi(theta, input) of the module behind the number `map`.

#include "torch_library/conv_arguments.h"
#include "torch_library/parameter_tracker_class.h"
#include "torch_library/step_arguments.h"

#include <torch/library.h>

#define PROXPROP_USES_SCHEMA "Tensor[] inputs, Tensor[] grad_outputs"
#define PROXPROP_SOLVE_SCHEMA                                                                               \
  "bool weight, bool bias, " PROXPROP_STEP_SCHEMA ", Tensor? parameter=None, " PROXPROP_TRACKER_SCHEMA "? " \
                                                                                                       "tracker=None"
#define PROXPROP_DIRECTIONS_SCHEMA " -> (Tensor, Tensor)"
#define PROXPROP_LAYER_SCHEMA "Tensor input, Tensor weight, Tensor? bias, "

namespace proxprop::torch_library {

TORCH_LIBRARY(proxprop, m) {
  m.class_<ParameterTracker>("ParameterTracker")
      .def(torch::init<>())
      .def("solver_state", [](const ParameterTrackerPtr& self) { return self->tracker.solver_state().tensors(); })
      .def("load_solver_state", [](const ParameterTrackerPtr& self, const std::vector<at::Tensor>& tensors) {
        self->tracker.solver_state().restore(tensors);
      });

  m.def("linear_direction(" PROXPROP_USES_SCHEMA ", " PROXPROP_SOLVE_SCHEMA
        ", Tensor? row_mask=None)" PROXPROP_DIRECTIONS_SCHEMA);
  m.def("conv_direction(" PROXPROP_USES_SCHEMA ", int[] kernel_size, " PROXPROP_CONV_SCHEMA ", " PROXPROP_SOLVE_SCHEMA
        ")" PROXPROP_DIRECTIONS_SCHEMA);

  m.def("linear(" PROXPROP_LAYER_SCHEMA PROXPROP_STEP_SCHEMA ", Tensor? row_mask=None) -> Tensor");
  m.def("conv(" PROXPROP_LAYER_SCHEMA PROXPROP_CONV_SCHEMA ", " PROXPROP_STEP_SCHEMA ") -> Tensor");

  m.def("tracked_linear(" PROXPROP_TRACKER_SCHEMA " tracker, " PROXPROP_LAYER_SCHEMA PROXPROP_STEP_SCHEMA
        ") -> Tensor");
  m.def("tracked_shared_linear(" PROXPROP_TRACKER_SCHEMA
        " tracker, int layer, Tensor input, Tensor[] weights, Tensor?[] biases, " PROXPROP_STEP_SCHEMA ") -> Tensor");
  m.def("tracked_conv(" PROXPROP_TRACKER_SCHEMA " tracker, " PROXPROP_LAYER_SCHEMA PROXPROP_CONV_SCHEMA
        ", " PROXPROP_STEP_SCHEMA ") -> Tensor");
  m.def("tracked_map(" PROXPROP_TRACKER_SCHEMA
        " tracker, int map, Tensor input, Tensor[] parameters, " PROXPROP_STEP_SCHEMA ") -> Tensor");

  m.def("call_map(int map, Tensor[] theta, Tensor input) -> Tensor");
}

}  // namespace proxprop::torch_library
