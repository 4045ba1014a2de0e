// V itself, from what the uses of a layer leave in a backward pass. The other operators' backward ends here.

#include "autograd/solve_precision.h"
#include "torch_library/step_arguments.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/library.h>

#include <algorithm>
#include <memory>
#include <tuple>

namespace proxprop::torch_library {

namespace {

using Pair = std::tuple<at::Tensor, at::Tensor>;
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
Pair placed(std::vector<at::Tensor> direction, const Trained& trained, const at::Tensor& like) {
  Pair result{at::empty({0}, like.options()), at::empty({0}, like.options())};
  size_t next = 0;
  if (trained.weight) {
    std::get<0>(result) = std::move(direction[next++]);
  }
  if (trained.bias) {
    std::get<1>(result) = std::move(direction[next++]);
  }
  return result;
}

Pair solve(
    std::vector<TransferPtr> transfers,
    const std::vector<at::Tensor>& grad_outputs,
    const Trained& trained,
    const ProximalOptions& options) {
  if (transfers.size() == 1) {
    auto step = proximal_direction(*transfers.front(), grad_outputs.front(), options);
    return placed(std::move(step.direction), trained, grad_outputs.front());
  }
  std::vector<std::vector<int64_t>> sizes;
  std::vector<at::Tensor> flat;
  for (const auto& g : grad_outputs) {
    sizes.push_back(g.sizes().vec());
    flat.push_back(g.reshape({-1}));
  }
  const StackedTransfer stacked(std::move(transfers), std::move(sizes));
  auto step = proximal_direction(stacked, at::cat(flat), options);
  return placed(std::move(step.direction), trained, grad_outputs.front());
}

std::vector<at::Tensor> converted(at::TensorList tensors, at::ScalarType dtype) {
  std::vector<at::Tensor> result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.to(dtype));
  }
  return result;
}

Pair linear_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    double tau_theta,
    std::string_view solver,
    c10::ArrayRef<double> solver_arguments,
    std::string_view scaling,
    const std::optional<at::Tensor>& parameter) {
  check_uses(inputs, grad_outputs);
  refuse_second_use(parameter);
  const auto dtype = solve_dtype(inputs, grad_outputs);
  const Trained trained{weight, bias};
  std::vector<TransferPtr> transfers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& input = inputs[i];
    const auto& g = grad_outputs[i];
    TORCH_CHECK(
        input.dim() >= 1 && g.dim() == input.dim() &&
            input.sizes().slice(0, input.dim() - 1) == g.sizes().slice(0, g.dim() - 1) &&
            input.size(-1) == inputs[0].size(-1) && g.size(-1) == grad_outputs[0].size(-1),
        "proxprop: input [*, in_features] and grad_output [*, out_features] must share their leading sizes, got ",
        input.sizes(), " and ", g.sizes());
    transfers.push_back(std::make_shared<DenseTransfer>(input.to(dtype), g.size(-1), trained));
  }
  return solve(
      std::move(transfers), converted(grad_outputs, dtype), trained,
      step_options(tau_theta, solver, solver_arguments, scaling, Coupling::per_output));
}

Pair conv_direction(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    at::IntArrayRef kernel_size,
    at::IntArrayRef stride,
    at::IntArrayRef padding,
    at::IntArrayRef dilation,
    int64_t groups,
    bool weight,
    bool bias,
    double tau_theta,
    std::string_view solver,
    c10::ArrayRef<double> solver_arguments,
    std::string_view scaling,
    const std::optional<at::Tensor>& parameter) {
  check_uses(inputs, grad_outputs);
  refuse_second_use(parameter);
  const auto dtype = solve_dtype(inputs, grad_outputs);
  const Trained trained{weight, bias};
  std::vector<TransferPtr> transfers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& input = inputs[i];
    const auto& g = grad_outputs[i];
    TORCH_CHECK(
        input.dim() == int64_t(kernel_size.size()) + 2 && g.dim() == input.dim() &&
            g.size(1) == grad_outputs[0].size(1),
        "proxprop: input [N, C, *] and grad_output [N, O, *'] need ", kernel_size.size(), " spatial dimensions, got ",
        input.sizes(), " and ", g.sizes());
    ConvGeometry geometry{g.size(1), kernel_size.vec(), stride.vec(), padding.vec(), dilation.vec(), groups};
    transfers.push_back(std::make_shared<ConvTransfer>(input.to(dtype), std::move(geometry), trained));
  }
  return solve(
      std::move(transfers), converted(grad_outputs, dtype), trained,
      step_options(tau_theta, solver, solver_arguments, scaling, Coupling::joint));
}

// Shapes alone, for torch.compile.
at::Tensor shape_of(bool trained, std::vector<c10::SymInt> sizes, const at::TensorOptions& options) {
  if (!trained) {
    sizes = {0};
  }
  return at::empty_symint(sizes, options);
}

Pair linear_direction_meta(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    bool weight,
    bool bias,
    double,
    std::string_view,
    c10::ArrayRef<double>,
    std::string_view,
    const std::optional<at::Tensor>&) {
  const auto options = grad_outputs[0].options().dtype(solve_dtype(inputs, grad_outputs));
  const auto outputs = grad_outputs[0].sym_size(-1);
  return {shape_of(weight, {outputs, inputs[0].sym_size(-1)}, options), shape_of(bias, {outputs}, options)};
}

Pair conv_direction_meta(
    at::TensorList inputs,
    at::TensorList grad_outputs,
    at::IntArrayRef kernel_size,
    at::IntArrayRef,
    at::IntArrayRef,
    at::IntArrayRef,
    int64_t groups,
    bool weight,
    bool bias,
    double,
    std::string_view,
    c10::ArrayRef<double>,
    std::string_view,
    const std::optional<at::Tensor>&) {
  const auto options = grad_outputs[0].options().dtype(solve_dtype(inputs, grad_outputs));
  const auto outputs = grad_outputs[0].sym_size(1);
  std::vector<c10::SymInt> sizes{outputs, inputs[0].sym_size(1) / groups};
  sizes.insert(sizes.end(), kernel_size.begin(), kernel_size.end());
  return {shape_of(weight, std::move(sizes), options), shape_of(bias, {outputs}, options)};
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
