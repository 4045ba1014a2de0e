#pragma once

#include "torch_library/conv_arguments.h"
#include "torch_library/parameter_tracker_class.h"
#include "torch_library/step_arguments.h"

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace proxprop::torch_library {

/// (weight, bias); an empty tensor stands for a parameter that is not trained.
using Directions = std::tuple<at::Tensor, at::Tensor>;

/// V of all uses in the two lists together. `parameter` is the weight in a compiled backward pass, whose uses come
/// singly: a second one in the same pass throws. `tracker` holds what solvers with `keeps_state` go on from.
/// `row_mask`, boolean with the leading sizes of every input, leaves out the rows where it is false. Throws c10::Error
/// for shapes that do not belong together.
Directions linear_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    PROXPROP_STEP_PARAMETERS,
    const std::optional<at::Tensor>& parameter,
    const std::optional<ParameterTrackerPtr>& tracker,
    const std::optional<at::Tensor>& row_mask);

/// The same for convolutions, all rows.
Directions conv_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    at::IntArrayRef kernel_size,
    PROXPROP_CONV_PARAMETERS,
    bool weight,
    bool bias,
    PROXPROP_STEP_PARAMETERS,
    const std::optional<at::Tensor>& parameter,
    const std::optional<ParameterTrackerPtr>& tracker);

}  // namespace proxprop::torch_library
