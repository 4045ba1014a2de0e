#pragma once

#include <proxprop/nn/proximal_layer.h>

#include <torch/arg.h>
#include <torch/expanding_array.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/common.h>
#include <torch/nn/pimpl.h>

namespace proxprop::nn {

/// Options of `ConvTranspose1d`, `ConvTranspose2d`, `ConvTranspose3d`: torch's, and those of the proximal step.
/// Example: ConvTranspose2dOptions(16, 3, 4).stride(2).padding(1).tau_theta(1.0)
template <size_t D>
struct ConvTransposeOptions {
  ConvTransposeOptions(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<D> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(std::move(kernel_size)) {}
  TORCH_ARG(int64_t, in_channels);
  TORCH_ARG(int64_t, out_channels);
  TORCH_ARG(torch::ExpandingArray<D>, kernel_size);
  TORCH_ARG(torch::ExpandingArray<D>, stride) = 1;
  TORCH_ARG(torch::ExpandingArray<D>, padding) = 0;         ///< cut off on both sides of the output
  TORCH_ARG(torch::ExpandingArray<D>, output_padding) = 0;  ///< added to one side of the output's size
  TORCH_ARG(int64_t, groups) = 1;
  TORCH_ARG(bool, bias) = true;
  TORCH_ARG(torch::ExpandingArray<D>, dilation) = 1;
  TORCH_ARG(double, tau_theta) = 1.0;  ///< step size of the proximal mapping, eq. 11
  TORCH_ARG(Solver, solver) = Cholesky{};
  TORCH_ARG(Scaling, scaling) = Scaling::sum;
  TORCH_ARG(std::optional<Route>, route) = std::nullopt;
  TORCH_ARG(int64_t, memory_limit) = 0;                              ///< see ProximalOptions
  TORCH_ARG(std::shared_ptr<Communicator>, communicator) = nullptr;  ///< see ProximalOptions
};
using ConvTranspose1dOptions = ConvTransposeOptions<1>;
using ConvTranspose2dOptions = ConvTransposeOptions<2>;
using ConvTranspose3dOptions = ConvTransposeOptions<3>;

/// torch::nn::ConvTranspose{1,2,3}d with a proximal parameter step. Same parameter names, shapes and initialisation.
/// Input [N, C, *] or [C, *].
template <size_t D, typename Derived>
class PROXPROP_API ConvTransposeImpl : public torch::nn::Cloneable<Derived>, public ProximalLayer {
 public:
  explicit ConvTransposeImpl(ConvTransposeOptions<D> layer_options);

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  /// `output_size`, the output's size or the spatial part of it, replaces `output_padding` as in torch.
  at::Tensor forward(const at::Tensor& input, const std::optional<at::IntArrayRef>& output_size = std::nullopt);
  Plan plan(const at::Tensor& input) const override;
  ProximalOptions proximal_options() const override;
  void set_proximal_options(const ProximalOptions& step) override;

  ConvTransposeOptions<D> options;
  at::Tensor weight;  ///< [in_channels, out_channels / groups, *kernel_size]
  at::Tensor bias;    ///< [out_channels], undefined without bias

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(std::optional<at::IntArrayRef>())})
};

class PROXPROP_API ConvTranspose1dImpl : public ConvTransposeImpl<1, ConvTranspose1dImpl> {
 public:
  using ConvTransposeImpl<1, ConvTranspose1dImpl>::ConvTransposeImpl;
  ConvTranspose1dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<1> kernel_size)
      : ConvTranspose1dImpl(ConvTranspose1dOptions(in_channels, out_channels, kernel_size)) {}
};
class PROXPROP_API ConvTranspose2dImpl : public ConvTransposeImpl<2, ConvTranspose2dImpl> {
 public:
  using ConvTransposeImpl<2, ConvTranspose2dImpl>::ConvTransposeImpl;
  ConvTranspose2dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<2> kernel_size)
      : ConvTranspose2dImpl(ConvTranspose2dOptions(in_channels, out_channels, kernel_size)) {}
};
class PROXPROP_API ConvTranspose3dImpl : public ConvTransposeImpl<3, ConvTranspose3dImpl> {
 public:
  using ConvTransposeImpl<3, ConvTranspose3dImpl>::ConvTransposeImpl;
  ConvTranspose3dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<3> kernel_size)
      : ConvTranspose3dImpl(ConvTranspose3dOptions(in_channels, out_channels, kernel_size)) {}
};

TORCH_MODULE(ConvTranspose1d);
TORCH_MODULE(ConvTranspose2d);
TORCH_MODULE(ConvTranspose3d);

}  // namespace proxprop::nn
