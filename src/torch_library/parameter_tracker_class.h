#pragma once

#include "autograd/parameter_tracker.h"

#include <torch/custom_class.h>

namespace proxprop::torch_library {

/// torch.classes.proxprop.ParameterTracker: what a Python layer holds so that its uses before one backward pass take
/// one step. Layers that share all their parameters may share a tracker.
struct ParameterTracker : torch::CustomClassHolder {
  autograd::ParameterTracker tracker;
};

}  // namespace proxprop::torch_library
