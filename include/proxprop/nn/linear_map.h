#pragma once

#include <proxprop/nn/proximal_layer.h>

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace proxprop::nn {

/// Options of the proximal step of a `LinearMap`.
struct PROXPROP_API LinearMapOptions {
  TORCH_ARG(double, tau_theta) = 1.0;
  /// `Cholesky` means conjugate gradients until convergence: a map known only by phi and phi* has no matrix.
  TORCH_ARG(Solver, solver) = ConjugateGradient{};
  TORCH_ARG(Scaling, scaling) = Scaling::sum;
  TORCH_ARG(std::optional<Route>, route) = std::nullopt;  ///< matrix-free is the only one
  TORCH_ARG(int64_t, memory_limit) = 0;
  TORCH_ARG(std::shared_ptr<Communicator>, communicator) = nullptr;
};

/// Makes a proximal layer of any map phi(theta, a) that is linear in theta. phi* comes from autograd, so phi must be
/// built of differentiable operations.
///
///     LinearMap layer({{"weight", torch::randn({4, 5, 6})}},   // a bilinear form, one line
///                     [](at::TensorList theta, const at::Tensor& a) { return torch::einsum("ni,oij,nj->no", {a,
///                     theta[0], a}); });
class PROXPROP_API LinearMapImpl : public torch::nn::Cloneable<LinearMapImpl>, public ProximalLayer {
 public:
  using Phi = std::function<at::Tensor(at::TensorList theta, const at::Tensor& input)>;
  using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

  /// Parameters are registered under their names, in this order.
  LinearMapImpl(NamedParameters parameters, Phi phi, LinearMapOptions options = {});

  void reset() override;
  at::Tensor forward(const at::Tensor& input);
  Plan plan(const at::Tensor& input) const override;
  ProximalOptions proximal_options() const override;
  void set_proximal_options(const ProximalOptions& step) override;

  /// Relative mismatch of <phi x, y> and <x, phi* y> for this input, and of phi(x + y) and phi(x) + phi(y): round-off
  /// for a map that is linear in theta.
  double check_linear(const at::Tensor& input) const;

  const Phi& phi() const { return phi_; }

  LinearMapOptions options;

 private:
  std::vector<at::Tensor> theta() const;

  NamedParameters initial_;
  Phi phi_;
};

TORCH_MODULE(LinearMap);

}  // namespace proxprop::nn
