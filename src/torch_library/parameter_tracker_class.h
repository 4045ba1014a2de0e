#pragma once

#include "autograd/parameter_tracker.h"

#include <torch/custom_class.h>

namespace proxprop::torch_library {

/// torch.classes.proxprop.ParameterTracker: what a Python layer holds so that its uses before one backward pass take
/// one step, and what its solver keeps between steps. Layers that share all their parameters may share a tracker.
struct ParameterTracker : torch::CustomClassHolder {
  autograd::ParameterTracker tracker;
};

using ParameterTrackerPtr = c10::intrusive_ptr<ParameterTracker>;

#define PROXPROP_TRACKER_SCHEMA "__torch__.torch.classes.proxprop.ParameterTracker"

}  // namespace proxprop::torch_library
