#pragma once

#include <proxprop/nn/proximal_layer.h>

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

namespace proxprop::nn {

/// Options of `Linear`. Example: LinearOptions(784, 100).bias(false).tau_theta(0.05).solver(ConjugateGradient{3})
struct PROXPROP_API LinearOptions {
  LinearOptions(int64_t in_features, int64_t out_features) : in_features_(in_features), out_features_(out_features) {}
  TORCH_ARG(int64_t, in_features);
  TORCH_ARG(int64_t, out_features);
  TORCH_ARG(bool, bias) = true;
  /// Step size of the proximal mapping, eq. 11.
  TORCH_ARG(double, tau_theta) = 1.0;
  TORCH_ARG(Solver, solver) = Cholesky{};
  TORCH_ARG(Scaling, scaling) = Scaling::sum;
  TORCH_ARG(std::optional<Route>, route) = std::nullopt;
  TORCH_ARG(int64_t, memory_limit) = 0;                              ///< see ProximalOptions
  TORCH_ARG(std::shared_ptr<Communicator>, communicator) = nullptr;  ///< see ProximalOptions
};

/// torch::nn::Linear with a proximal parameter step. Same parameter names, shapes and initialisation; any leading
/// dimensions. See ProximalLayer for what backward does.
///
///     proxprop::nn::Linear layer(proxprop::nn::LinearOptions(3072, 4000).tau_theta(0.05));
///     auto z = layer(a);  // [*, 3072] -> [*, 4000]
class PROXPROP_API LinearImpl : public torch::nn::Cloneable<LinearImpl>, public ProximalLayer {
 public:
  LinearImpl(int64_t in_features, int64_t out_features) : LinearImpl(LinearOptions(in_features, out_features)) {}
  explicit LinearImpl(const LinearOptions& options);

  void reset() override;
  /// Kaiming-uniform weight (a = sqrt(5)) and uniform bias, as torch::nn::Linear.
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  at::Tensor forward(const at::Tensor& input);
  Plan plan(const at::Tensor& input) const override;
  ProximalOptions proximal_options() const override;
  void set_proximal_options(const ProximalOptions& step) override;

  LinearOptions options;
  at::Tensor weight;  ///< [out_features, in_features]
  at::Tensor bias;    ///< [out_features], undefined without bias
};

TORCH_MODULE(Linear);

}  // namespace proxprop::nn
