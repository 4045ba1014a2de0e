#pragma once
// What a step rule is, for each block of variables of eq. 3. The rules that come with the lab are in z_rules.h,
// a_rules.h, last_rules.h and theta_rules.h.
//
// A rule gives the displacement old - new. New values are never formed and subtracted again: in float32 a displacement
// can be smaller than the rounding error of what it belongs to. At the start of a sweep the forward pass has made all
// residuals of eq. 3 zero, so that the old values a = sigma(z) and z = phi(theta, a) need no separate mention.

#include "lab/activation.h"
#include "lab/layer.h"
#include "lab/loss.h"

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

namespace proxprop::lab {

/// The part of eq. 3 that depends on z_l, through one elementwise activation:
///     gamma / 2 |sigma(z) - (sigma(z_k) - a_displacement)|^2 + rho / 2 |z - z_k|^2
struct ZProblem {
  const Activation& activation;
  const at::Tensor& z;               ///< z_k
  const at::Tensor& a_displacement;  ///< a_k - a_{k+1/2}, in z's shape
  double rho = 0, gamma = 0;
  double tau = 0;  ///< step size
};

class ZRule {
 public:
  virtual ~ZRule() = default;
  /// z_k - z_{k+1/2}. Throws c10::Error, which says what to do, for an activation that it has no step for.
  virtual at::Tensor displacement(const ZProblem& problem) const = 0;
};

/// The part of eq. 3 that depends on a_{l-1}, the input of the layer phi:
///     rho / 2 |phi(theta, a) - (phi(theta, a_k) - z_displacement)|^2 + gamma / 2 |a - a_k|^2
struct AProblem {
  const Layer& layer;
  const at::Tensor& a;               ///< a_k
  const at::Tensor& z_displacement;  ///< z_k - z_{k+1/2}
  double rho = 0;                    ///< of this layer
  double gamma = 0;                  ///< of the layer below
  double tau = 0;
};

class ARule {
 public:
  virtual ~ARule() = default;
  /// a_k - a_{k+1/2}.
  virtual at::Tensor displacement(const AProblem& problem) const = 0;
};

/// The part of eq. 3 that depends on theta_{L-1} and a_{L-2}, the parameters and the input of the last layer:
///     L(phi(theta, a)) + gamma / 2 |a - a_k|^2
struct LastProblem {
  const Loss& loss;
  const at::Tensor& output;  ///< phi(theta_k, a_k)
  const at::Tensor& targets;
  const Layer& layer;
  const at::Tensor& a;  ///< a_k
  double gamma = 0;     ///< of the layer below
  double tau = 0;
};

/// The two steps of eq. 8. theta_{L-1} takes an explicit one in every rule (eq. 12).
class LastRule {
 public:
  virtual ~LastRule() = default;
  /// What goes back through the last layer in place of dL/d(output): its adjoint is the direction of theta_{L-1}.
  virtual at::Tensor output_gradient(const LastProblem& problem) const = 0;
  /// a_k - a_{k+1/2} of a_{L-2}, `gradient` being the output_gradient of the problem. Here the gradient step
  /// tau phi_a*(gradient). Not asked for where there is no hidden layer, and a is the data.
  virtual at::Tensor a_displacement(const LastProblem& problem, const at::Tensor& gradient) const;
};

/// The part of eq. 3 that depends on theta_l: rho / 2 |phi(theta, a_k) - (phi(theta_k, a_k) - z_displacement)|^2
struct ThetaProblem {
  const LinearTransfer& transfer;    ///< phi(., a_k)
  const at::Tensor& z_displacement;  ///< z_k - z_{k+1/2}
  double rho = 0;
  double tau = 0;
  Coupling default_coupling = Coupling::per_output;
};

struct ThetaStep {
  std::vector<at::Tensor> displacement;  ///< theta_k - theta_{k+1}, one tensor per parameter
  StepSummary summary;
};

class ThetaRule {
 public:
  virtual ~ThetaRule() = default;
  virtual ThetaStep step(const ThetaProblem& problem) const = 0;
};

/// One rule for each block: a member of the family that the paper's closing remark speaks of.
struct StepRules {
  std::shared_ptr<const ZRule> z;
  std::shared_ptr<const ARule> a;
  std::shared_ptr<const LastRule> last;
  std::shared_ptr<const ThetaRule> theta;
};

}  // namespace proxprop::lab
