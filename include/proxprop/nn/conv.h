#pragma once

#include <proxprop/nn/proximal_layer.h>

#include <torch/arg.h>
#include <torch/enum.h>
#include <torch/expanding_array.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/options/conv.h>
#include <torch/nn/pimpl.h>

namespace proxprop::nn {

/// Options of `Conv1d`, `Conv2d`, `Conv3d`: torch's, and those of the proximal step.
/// Example: Conv2dOptions(3, 16, 5).padding(2).tau_theta(1.0)
template <size_t D>
struct ConvOptions {
  using padding_t = std::variant<torch::ExpandingArray<D>, torch::enumtype::kValid, torch::enumtype::kSame>;
  using padding_mode_t = typename torch::nn::ConvOptions<D>::padding_mode_t;

  ConvOptions(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<D> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(std::move(kernel_size)) {}
  TORCH_ARG(int64_t, in_channels);
  TORCH_ARG(int64_t, out_channels);
  TORCH_ARG(torch::ExpandingArray<D>, kernel_size);
  TORCH_ARG(torch::ExpandingArray<D>, stride) = 1;
  TORCH_ARG(padding_t, padding) = 0;  ///< numbers, torch::kValid or torch::kSame (stride 1 only)

 public:
  /// One number per dimension, e.g. padding({1, 2}).
  ConvOptions& padding(std::initializer_list<int64_t> numbers) { return padding(torch::ExpandingArray<D>(numbers)); }
  TORCH_ARG(torch::ExpandingArray<D>, dilation) = 1;
  TORCH_ARG(int64_t, groups) = 1;
  TORCH_ARG(bool, bias) = true;
  TORCH_ARG(padding_mode_t, padding_mode) = torch::kZeros;  ///< kZeros, kReflect, kReplicate or kCircular
  TORCH_ARG(double, tau_theta) = 1.0;                       ///< step size of the proximal mapping, eq. 11
  TORCH_ARG(Solver, solver) = Cholesky{};
  TORCH_ARG(Scaling, scaling) = Scaling::sum;
  TORCH_ARG(std::optional<Route>, route) = std::nullopt;
  TORCH_ARG(int64_t, memory_limit) = 0;                              ///< see ProximalOptions
  TORCH_ARG(std::shared_ptr<Communicator>, communicator) = nullptr;  ///< see ProximalOptions
};
using Conv1dOptions = ConvOptions<1>;
using Conv2dOptions = ConvOptions<2>;
using Conv3dOptions = ConvOptions<3>;

/// torch::nn::Conv{1,2,3}d with a proximal parameter step. Same parameter names, shapes and initialisation. Input
/// [N, C, *] or [C, *]. Padding modes other than zeros pad the input first, which is part of the layer below for the
/// step.
template <size_t D, typename Derived>
class PROXPROP_API ConvImpl : public torch::nn::Cloneable<Derived>, public ProximalLayer {
 public:
  explicit ConvImpl(ConvOptions<D> layer_options);

  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  at::Tensor forward(const at::Tensor& input);
  Plan plan(const at::Tensor& input) const override;
  ProximalOptions proximal_options() const override;
  void set_proximal_options(const ProximalOptions& step) override;

  ConvOptions<D> options;
  at::Tensor weight;  ///< [out_channels, in_channels / groups, *kernel_size]
  at::Tensor bias;    ///< [out_channels], undefined without bias
};

class PROXPROP_API Conv1dImpl : public ConvImpl<1, Conv1dImpl> {
 public:
  using ConvImpl<1, Conv1dImpl>::ConvImpl;
  Conv1dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<1> kernel_size)
      : Conv1dImpl(Conv1dOptions(in_channels, out_channels, kernel_size)) {}
};
class PROXPROP_API Conv2dImpl : public ConvImpl<2, Conv2dImpl> {
 public:
  using ConvImpl<2, Conv2dImpl>::ConvImpl;
  Conv2dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<2> kernel_size)
      : Conv2dImpl(Conv2dOptions(in_channels, out_channels, kernel_size)) {}
};
class PROXPROP_API Conv3dImpl : public ConvImpl<3, Conv3dImpl> {
 public:
  using ConvImpl<3, Conv3dImpl>::ConvImpl;
  Conv3dImpl(int64_t in_channels, int64_t out_channels, torch::ExpandingArray<3> kernel_size)
      : Conv3dImpl(Conv3dOptions(in_channels, out_channels, kernel_size)) {}
};

TORCH_MODULE(Conv1d);
TORCH_MODULE(Conv2d);
TORCH_MODULE(Conv3d);

}  // namespace proxprop::nn
