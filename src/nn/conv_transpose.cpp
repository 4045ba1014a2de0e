#include <proxprop/nn/conv_transpose.h>

#include "autograd/transfer_function.h"
#include "nn/conv_parameters.h"
#include "nn/solver_defaults.h"
#include "prox/conv_transpose_phases.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <ostream>

namespace proxprop::nn {

namespace {

template <size_t D>
ConvTransposeGeometry geometry_of(const ConvTransposeOptions<D>& options) {
  ConvTransposeGeometry geometry;
  geometry.out_channels = options.out_channels();
  geometry.kernel_size = to_vector(options.kernel_size());
  geometry.stride = to_vector(options.stride());
  geometry.padding = to_vector(options.padding());
  geometry.output_padding = to_vector(options.output_padding());
  geometry.dilation = to_vector(options.dilation());
  geometry.groups = options.groups();
  return geometry;
}

// The output padding that gives `output_size`: any size up to the stride above the smallest one.
void set_output_size(ConvTransposeGeometry& geometry, const at::Tensor& input, at::IntArrayRef output_size) {
  const auto dims = geometry.kernel_size.size();
  const auto input_size = input.sizes().slice(size_t(input.dim()) - dims);
  TORCH_CHECK(
      output_size.size() == dims || output_size.size() == size_t(input.dim()), "proxprop: output_size needs ", dims,
      " or ", input.dim(), " values, got ", output_size);
  const auto wanted = output_size.slice(output_size.size() - dims);
  geometry.output_padding.assign(dims, 0);
  const auto smallest = transposed_output_size(input_size, geometry);
  for (size_t i = 0; i < dims; ++i) {
    geometry.output_padding[i] = wanted[i] - smallest[i];
    TORCH_CHECK(
        geometry.output_padding[i] >= 0 && geometry.output_padding[i] < geometry.stride[i],
        "proxprop: output_size must be from ", smallest[i], " to ", smallest[i] + geometry.stride[i] - 1,
        " in spatial dimension ", i, " for an input of shape ", input.sizes(), ", got ", wanted[i]);
  }
}

}  // namespace

template <size_t D, typename Derived>
ConvTransposeImpl<D, Derived>::ConvTransposeImpl(ConvTransposeOptions<D> layer_options)
    : options(std::move(layer_options)) {
  check(proximal_options());
  check_conv_options("ConvTranspose", options);
  ConvTransposeImpl::reset();
}

template <size_t D, typename Derived>
void ConvTransposeImpl<D, Derived>::reset() {
  std::vector<int64_t> shape{options.in_channels(), options.out_channels() / options.groups()};
  shape.insert(shape.end(), options.kernel_size()->begin(), options.kernel_size()->end());
  weight = this->register_parameter("weight", torch::empty(shape));
  bias = this->register_parameter(
      "bias", options.bias() ? torch::empty(options.out_channels()) : at::Tensor(), options.bias());
  reset_parameters();
}

template <size_t D, typename Derived>
void ConvTransposeImpl<D, Derived>::reset_parameters() {
  initialize_conv(weight, bias);
}

template <size_t D, typename Derived>
void ConvTransposeImpl<D, Derived>::pretty_print(std::ostream& stream) const {
  stream << std::boolalpha << "proxprop::nn::ConvTranspose" << D << "d(" << options.in_channels() << ", "
         << options.out_channels() << ", kernel_size=" << options.kernel_size() << ", stride=" << options.stride()
         << ", groups=" << options.groups() << ", bias=" << options.bias()
         << ", tau_theta=" << proximal_options().tau_theta << ", solver=" << to_string(proximal_options().solver)
         << ")";
}

template <size_t D, typename Derived>
ProximalOptions ConvTransposeImpl<D, Derived>::proximal_options() const {
  return step_options(options, Coupling::joint);
}

template <size_t D, typename Derived>
void ConvTransposeImpl<D, Derived>::set_proximal_options(const ProximalOptions& step) {
  set_step_options(options, step);
}

template <size_t D, typename Derived>
at::Tensor ConvTransposeImpl<D, Derived>::forward(
    const at::Tensor& input, const std::optional<at::IntArrayRef>& output_size) {
  check_conv_input("ConvTranspose", D, options.in_channels(), input);
  auto geometry = geometry_of(options);
  if (output_size) {
    set_output_size(geometry, input, *output_size);
  }
  std::vector<at::Tensor> parameters{weight};
  if (bias.defined()) {
    parameters.push_back(bias);
  }
  const bool unbatched = input.dim() == int64_t(D) + 1;
  const auto output =
      run(autograd::conv_transpose_function(std::move(geometry)), unbatched ? input.unsqueeze(0) : input, parameters);
  return unbatched ? output.squeeze(0) : output;
}

template <size_t D, typename Derived>
Plan ConvTransposeImpl<D, Derived>::plan(const at::Tensor& input) const {
  check_conv_input("ConvTranspose", D, options.in_channels(), input);
  const Trained trained{weight.requires_grad(), bias.defined() && bias.requires_grad()};
  if (!trained.weight && !trained.bias) {
    return frozen_plan();
  }
  const ConvTransposeTransfer transfer(
      input.dim() == int64_t(D) + 1 ? input.unsqueeze(0) : input, geometry_of(options), trained);
  return proxprop::plan(describe(transfer, proximal_options(), input.device()));
}

template class ConvTransposeImpl<1, ConvTranspose1dImpl>;
template class ConvTransposeImpl<2, ConvTranspose2dImpl>;
template class ConvTransposeImpl<3, ConvTranspose3dImpl>;

}  // namespace proxprop::nn
