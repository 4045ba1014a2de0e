#pragma once

#include "autograd/transfer_function.h"

#include <functional>

namespace proxprop::autograd {

using Phi = std::function<at::Tensor(at::TensorList theta, const at::Tensor& input)>;

/// A map given by phi alone; its two adjoints come from autograd.
PROXPROP_API TransferFunctionPtr linear_map_function(Phi phi);

}  // namespace proxprop::autograd
