// V itself, from what the uses of a layer leave in a backward pass. The other operators' backward ends here.

#include "torch_library/direction_ops.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/library.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace proxprop::torch_library {

namespace {

using TransferPtr = std::shared_ptr<const LinearTransfer>;

void check_uses(at::TensorList inputs, at::TensorList grad_outputs) {
  TORCH_CHECK(
      !inputs.empty() && inputs.size() == grad_outputs.size(),
      "proxprop: one gradient per input is needed, and at least one of each; got ", inputs.size(), " inputs and ",
      grad_outputs.size(), " gradients");
}

at::ScalarType solve_dtype(at::TensorList inputs, at::TensorList grad_outputs) {
  const auto is_double = [](const at::Tensor& x) { return x.scalar_type() == at::kDouble; };
  const bool any = std::any_of(inputs.begin(), inputs.end(), is_double) ||
                   std::any_of(grad_outputs.begin(), grad_outputs.end(), is_double);
  return any ? at::kDouble : at::kFloat;
}

// A compiled backward pass hands over the uses of a parameter one by one, and the sum of their steps is no proximal
// step.
void refuse_second_use(const std::optional<at::Tensor>& parameter) {
  const int pass = torch::autograd::get_current_graph_task_id();
  if (!parameter || pass < 0) {
    return;
  }
  thread_local int current_pass = -1;
  thread_local std::vector<const void*> stepped;
  if (pass != current_pass) {
    current_pass = pass;
    stepped.clear();
  }
  const void* storage = parameter->const_data_ptr();
  TORCH_CHECK(
      std::find(stepped.begin(), stepped.end(), storage) == stepped.end(),
      "proxprop: a layer is used more than once before this backward pass, in a region of torch.compile, which cannot "
      "join its uses to one proximal step. Leave the layer out of the region (torch.compiler.disable), or give it "
      "the solver Gradient()");
  stepped.push_back(storage);
}

// The trained parameters' tensors in their places; an empty tensor stands for one that is not trained.
Directions placed(std::vector<at::Tensor> direction, const Trained& trained, const at::Tensor& like) {
  Directions result{at::empty({0}, like.options()), at::empty({0}, like.options())};
  size_t next = 0;
  if (trained.weight) {
    std::get<0>(result) = std::move(direction[next++]);
  }
  if (trained.bias) {
    std::get<1>(result) = std::move(direction[next++]);
  }
  return result;
}

Directions solve(
    std::vector<TransferPtr> transfers,
    const std::vector<at::Tensor>& grad_outputs,
    const Trained& trained,
    const ProximalOptions& options,
    SolverState* state) {
  if (transfers.size() == 1) {
    auto step = proximal_direction(*transfers.front(), grad_outputs.front(), options, state);
    return placed(std::move(step.direction), trained, grad_outputs.front());
  }
  std::vector<std::vector<int64_t>> sizes;
  std::vector<at::Tensor> flat;
  for (const auto& g : grad_outputs) {
    sizes.push_back(g.sizes().vec());
    flat.push_back(g.reshape({-1}));
  }
  const StackedTransfer stacked(std::move(transfers), std::move(sizes));
  auto step = proximal_direction(stacked, at::cat(flat), options, state);
  return placed(std::move(step.direction), trained, grad_outputs.front());
}

std::vector<at::Tensor> counted_rows(at::TensorList tensors, const at::Tensor& row_mask) {
  std::vector<at::Tensor> counted;
  for (const auto& x : tensors) {
    TORCH_CHECK(
        row_mask.scalar_type() == at::kBool && x.dim() >= 1 && row_mask.sizes() == x.sizes().slice(0, x.dim() - 1),
        "proxprop: the row mask must be boolean and have the leading sizes of each tensor, got ",
        row_mask.scalar_type(), " ", row_mask.sizes(), " for ", x.sizes());
    counted.push_back(x.index({row_mask}));
  }
  return counted;
}

// V of all uses, whose transfers `make_transfer` makes of an input, in the dtype of the solve, and its gradient.
template <typename MakeTransfer>
Directions direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    const Trained& trained,
    const ProximalOptions& options,
    const std::optional<at::Tensor>& parameter,
    const std::optional<ParameterTrackerPtr>& tracker,
    const MakeTransfer& make_transfer) {
  check_uses(inputs, grad_outputs);
  refuse_second_use(parameter);
  const auto dtype = solve_dtype(inputs, grad_outputs);
  std::vector<TransferPtr> transfers;
  std::vector<at::Tensor> converted;
  for (size_t i = 0; i < inputs.size(); ++i) {
    transfers.push_back(make_transfer(inputs[i].to(dtype), grad_outputs[i]));
    converted.push_back(grad_outputs[i].to(dtype));
  }
  return solve(
      std::move(transfers), converted, trained, options, tracker ? &(*tracker)->tracker.solver_state() : nullptr);
}

}  // namespace

Directions linear_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    PROXPROP_STEP_PARAMETERS,
    const std::optional<at::Tensor>& parameter,
    const std::optional<ParameterTrackerPtr>& tracker,
    const std::optional<at::Tensor>& row_mask) {
  if (row_mask) {
    const auto counted_inputs = counted_rows(inputs, *row_mask);
    const auto counted_grad_outputs = counted_rows(grad_outputs, *row_mask);
    return linear_direction(
        counted_inputs, counted_grad_outputs, weight, bias, PROXPROP_STEP_VALUES, parameter, tracker, std::nullopt);
  }
  const Trained trained{weight, bias};
  const auto transfer = [&](const at::Tensor& input, const at::Tensor& g) -> TransferPtr {
    TORCH_CHECK(
        input.dim() >= 1 && g.dim() == input.dim() &&
            input.sizes().slice(0, input.dim() - 1) == g.sizes().slice(0, g.dim() - 1) &&
            input.size(-1) == inputs[0].size(-1) && g.size(-1) == grad_outputs[0].size(-1),
        "proxprop: input [*, in_features] and grad_output [*, out_features] must share their leading sizes, got ",
        input.sizes(), " and ", g.sizes());
    return std::make_shared<DenseTransfer>(input, g.size(-1), trained);
  };
  return direction(
      inputs, grad_outputs, trained, step_options(PROXPROP_STEP_VALUES, Coupling::per_output), parameter, tracker,
      transfer);
}

Directions conv_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    at::IntArrayRef kernel_size,
    PROXPROP_CONV_PARAMETERS,
    bool weight,
    bool bias,
    PROXPROP_STEP_PARAMETERS,
    const std::optional<at::Tensor>& parameter,
    const std::optional<ParameterTrackerPtr>& tracker) {
  const Trained trained{weight, bias};
  const auto transfer = [&](const at::Tensor& input, const at::Tensor& g) {
    TORCH_CHECK(
        input.dim() == int64_t(kernel_size.size()) + 2 && g.dim() == input.dim() &&
            g.size(1) == grad_outputs[0].size(1),
        "proxprop: input [N, C, *] and grad_output [N, O, *'] need ", kernel_size.size(), " spatial dimensions, got ",
        input.sizes(), " and ", g.sizes());
    return conv_arguments(g.size(1), kernel_size, PROXPROP_CONV_VALUES).transfer(input, trained);
  };
  return direction(
      inputs, grad_outputs, trained, step_options(PROXPROP_STEP_VALUES, Coupling::joint), parameter, tracker, transfer);
}

namespace {

// Shapes alone, for torch.compile.
Directions shapes(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    const std::vector<c10::SymInt>& weight_shape,
    const c10::SymInt& outputs) {
  const auto options = grad_outputs[0].options().dtype(solve_dtype(inputs, grad_outputs));
  const std::vector<c10::SymInt> none{0};
  const std::vector<c10::SymInt> bias_shape{outputs};
  return {at::empty_symint(weight ? weight_shape : none, options), at::empty_symint(bias ? bias_shape : none, options)};
}

Directions linear_direction_meta(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    PROXPROP_STEP_TYPES,
    const std::optional<at::Tensor>&,
    const std::optional<ParameterTrackerPtr>&,
    const std::optional<at::Tensor>&) {
  const auto outputs = grad_outputs[0].sym_size(-1);
  return shapes(inputs, grad_outputs, weight, bias, {outputs, inputs[0].sym_size(-1)}, outputs);
}

Directions conv_direction_meta(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    at::IntArrayRef kernel_size,
    at::IntArrayRef,
    at::IntArrayRef,
    at::IntArrayRef,
    bool transposed,
    at::IntArrayRef,
    int64_t groups,
    bool weight,
    bool bias,
    PROXPROP_STEP_TYPES,
    const std::optional<at::Tensor>&,
    const std::optional<ParameterTrackerPtr>&) {
  const auto channels = inputs[0].sym_size(1);
  const auto outputs = grad_outputs[0].sym_size(1);
  std::vector<c10::SymInt> sizes{transposed ? channels : outputs, (transposed ? outputs : channels) / groups};
  sizes.insert(sizes.end(), kernel_size.begin(), kernel_size.end());
  return shapes(inputs, grad_outputs, weight, bias, sizes, outputs);
}

}  // namespace

TORCH_LIBRARY_IMPL(proxprop, CompositeExplicitAutograd, m) {
  m.impl("linear_direction", linear_direction);
  m.impl("conv_direction", conv_direction);
}

TORCH_LIBRARY_IMPL(proxprop, Meta, m) {
  m.impl("linear_direction", linear_direction_meta);
  m.impl("conv_direction", conv_direction_meta);
}

}  // namespace proxprop::torch_library
