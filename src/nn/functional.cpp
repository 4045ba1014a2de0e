#include <proxprop/nn/functional.h>

#include "autograd/parameter_tracker.h"
#include "nn/solver_defaults.h"

#include <ATen/ATen.h>

namespace proxprop::nn::functional {

namespace {

std::vector<int64_t> expanded(const std::vector<int64_t>& values, size_t dims, const char* name) {
  TORCH_CHECK(
      values.size() == 1 || values.size() == dims, "proxprop: ", name, " needs 1 or ", dims, " values, got ",
      values.size());
  return values.size() == dims ? values : std::vector<int64_t>(dims, values.front());
}

template <typename Arguments>
ConvGeometry make_geometry(int64_t out_channels, std::vector<int64_t> kernel_size, const Arguments& arguments) {
  const auto dims = kernel_size.size();
  ConvGeometry geometry;
  geometry.out_channels = out_channels;
  geometry.kernel_size = std::move(kernel_size);
  geometry.stride = expanded(arguments.stride, dims, "stride");
  geometry.padding = expanded(arguments.padding, dims, "padding");
  geometry.dilation = expanded(arguments.dilation, dims, "dilation");
  geometry.groups = arguments.groups;
  return geometry;
}

ConvTransposeGeometry make_transposed_geometry(
    int64_t out_channels, std::vector<int64_t> kernel_size, const ConvTransposeArguments& arguments) {
  const auto dims = kernel_size.size();
  return {
      make_geometry(out_channels, std::move(kernel_size), arguments),
      expanded(arguments.output_padding, dims, "output padding")};
}

void check_spatial(const at::Tensor& input, const at::Tensor& grad_output, size_t dims) {
  TORCH_CHECK(
      grad_output.dim() == input.dim() && input.dim() == int64_t(dims) + 2,
      "proxprop: input [N, C, *] and grad_output [N, O, *'] need ", dims, " spatial dimensions, got ", input.sizes(),
      " and ", grad_output.sizes());
}

ProximalOptions with_default_coupling(ProximalOptions options, Coupling coupling) {
  options.solver = with_coupling(options.solver, coupling);
  return options;
}

at::Tensor apply_once(
    const autograd::TransferFunctionPtr& function,
    const at::Tensor& input,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const ProximalOptions& options) {
  check(options);
  TORCH_CHECK(
      !keeps_state(options.solver), "proxprop: solver '", to_string(options.solver),
      "' goes on from earlier steps: use a layer, which keeps what it needs");
  std::vector<at::Tensor> parameters{weight};
  if (bias.defined()) {
    parameters.push_back(bias);
  }
  autograd::ParameterTracker tracker;
  return autograd::apply_transfer(function, input, tracker.track(parameters, options, nullptr));
}

}  // namespace

at::Tensor linear(
    const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const ProximalOptions& options) {
  return apply_once(
      autograd::linear_function(), input, weight, bias, with_default_coupling(options, Coupling::per_output));
}

at::Tensor conv(
    const at::Tensor& input,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const ConvArguments& arguments,
    const ProximalOptions& options) {
  TORCH_CHECK(weight.dim() >= 3, "proxprop: conv needs a weight [O, C / groups, *kernel], got shape ", weight.sizes());
  auto geometry = make_geometry(weight.size(0), weight.sizes().slice(2).vec(), arguments);
  return apply_once(
      autograd::conv_function(std::move(geometry)), input, weight, bias,
      with_default_coupling(options, Coupling::joint));
}

at::Tensor conv_transpose(
    const at::Tensor& input,
    const at::Tensor& weight,
    const at::Tensor& bias,
    const ConvTransposeArguments& arguments,
    const ProximalOptions& options) {
  TORCH_CHECK(
      weight.dim() >= 3, "proxprop: conv_transpose needs a weight [C, O / groups, *kernel], got shape ",
      weight.sizes());
  auto geometry = make_transposed_geometry(weight.size(1) * arguments.groups, weight.sizes().slice(2).vec(), arguments);
  return apply_once(
      autograd::conv_transpose_function(std::move(geometry)), input, weight, bias,
      with_default_coupling(options, Coupling::joint));
}

ProximalStep linear_direction(
    const at::Tensor& input, const at::Tensor& grad_output, const ProximalOptions& options, bool bias) {
  TORCH_CHECK(
      input.dim() >= 1 && grad_output.dim() == input.dim() &&
          input.sizes().slice(0, input.dim() - 1) == grad_output.sizes().slice(0, input.dim() - 1),
      "proxprop: input [*, in] and grad_output [*, out] must share their leading sizes, got ", input.sizes(), " and ",
      grad_output.sizes());
  const DenseTransfer transfer(input, grad_output.size(-1), {true, bias});
  return proximal_direction(transfer, grad_output, with_default_coupling(options, Coupling::per_output));
}

ProximalStep conv_direction(
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::vector<int64_t> kernel_size,
    const ConvArguments& arguments,
    const ProximalOptions& options,
    bool bias) {
  check_spatial(input, grad_output, kernel_size.size());
  auto geometry = make_geometry(grad_output.size(1), std::move(kernel_size), arguments);
  const ConvTransfer transfer(input, std::move(geometry), {true, bias});
  return proximal_direction(transfer, grad_output, with_default_coupling(options, Coupling::joint));
}

ProximalStep conv_transpose_direction(
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::vector<int64_t> kernel_size,
    const ConvTransposeArguments& arguments,
    const ProximalOptions& options,
    bool bias) {
  check_spatial(input, grad_output, kernel_size.size());
  auto geometry = make_transposed_geometry(grad_output.size(1), std::move(kernel_size), arguments);
  const ConvTransposeTransfer transfer(input, std::move(geometry), {true, bias});
  return proximal_direction(transfer, grad_output, with_default_coupling(options, Coupling::joint));
}

}  // namespace proxprop::nn::functional
