#pragma once

#include "lab/batch/output_loss.h"
#include "lab/network.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::batch {

struct AdmmOptions {
  double beta = 1;    ///< of |z_l - W_l a_{l-1}|^2, positive
  double gamma = 10;  ///< of |a_l - h_l(z_l)|^2, positive
};

/// Variables for each record: layer l (from 0) maps a[l] to z[l]; a[0] is the data, which is not kept here.
struct AdmmVariables {
  std::vector<at::Tensor> a;  ///< a[l] is the input of layer l + 1: one per hidden layer
  std::vector<at::Tensor> z;  ///< one per layer
  at::Tensor multiplier;      ///< lambda, of the last constraint
};

/// How a and z begin.
enum class AdmmStart {
  forward,  ///< as the network has them: every constraint is met
  random    ///< standard normal numbers of torch's generator, as in the paper
};

/// A block of variables, in the order of an iteration; of the last layer there is no a, and the multiplier.
enum class AdmmBlock { w, a, z, multiplier };

/// Training without gradients (Taylor, Burmeister, Xu, Singh, Patel, Goldstein, ICML 2016, Algorithm 1): the augmented
/// Lagrangian
///     L(z_L, y) + <z_L, lambda> + beta |z_L - W_L a_{L-1}|^2
///       + sum_{l < L} [ gamma |a_l - h(z_l)|^2 + beta |z_l - W_l a_{l-1}|^2 ]
/// is minimised over one block after another, each in closed form:
///   W_l  least squares; parameters that the data do not determine stay (the paper's pseudoinverse would zero them)
///   a_l  (beta W^T W + gamma I)^-1 (beta W^T z_{l+1} + gamma h(z_l)): lab::ImplicitA
///   z_l  the better of a piecewise linear h's two parabolas, Newton for a smooth h: lab's quadratic_step
///   z_L  the proximal step of the loss
/// and lambda += beta (z_L - W_L a_{L-1}) after each iteration but those of the warm-up. Biases, which the paper has
/// not, are columns of W for an input of one.
class Admm {
 public:
  /// Holds the network's parameters, which it changes. Throws c10::Error for networks that check_elementwise refuses.
  Admm(lab::Network network, const AdmmOptions& options);

  /// a and z, and lambda = 0.
  void start(const at::Tensor& input, AdmmStart how);
  bool started() const { return !variables_.z.empty(); }

  using Observer = std::function<void(AdmmBlock block, int64_t layer)>;
  /// One iteration; `observer` is told after each block. Returns the gradient evaluations that it took.
  double iterate(
      const at::Tensor& input, const OutputLoss& loss, bool update_multiplier, const Observer& observer = {});

  /// The augmented Lagrangian.
  double lagrangian(const at::Tensor& input, const OutputLoss& loss) const;

  const AdmmVariables& variables() const { return variables_; }
  void set_variables(AdmmVariables variables) { variables_ = std::move(variables); }
  const lab::Network& network() const { return network_; }

 private:
  const at::Tensor& input_of(int64_t layer, const at::Tensor& data) const;
  void update_w(int64_t layer, const at::Tensor& data);
  void update_a(int64_t layer);
  void update_z(int64_t layer, const at::Tensor& data);
  void update_output(const at::Tensor& data, const OutputLoss& loss);

  lab::Network network_;
  AdmmOptions options_;
  AdmmVariables variables_;
};

}  // namespace proxprop::batch
