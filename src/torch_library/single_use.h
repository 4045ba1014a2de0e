#pragma once

#include "autograd/transfer_function.h"

#include <functional>
#include <optional>
#include <tuple>

namespace proxprop::torch_library {

/// V of one use, by an operator: (weight, bias), as linear_direction gives them.
using Direction = std::function<std::tuple<at::Tensor, at::Tensor>(
    const at::Tensor& input,
    const at::Tensor& grad_output,
    const at::Tensor& weight_parameter,
    bool weight,
    bool bias)>;

/// One use that is a step of its own, made of operators alone: torch.compile can trace its backward pass.
at::Tensor single_use(
    const autograd::TransferFunctionPtr& function,
    Direction direction,
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias);

}  // namespace proxprop::torch_library
