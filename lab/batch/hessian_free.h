#pragma once

#include "lab/batch/truncated_cg.h"
#include "lab/spectrum/lanczos.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace proxprop::batch {

/// A function f of a vector theta [n] around the present theta, as Hessian-free optimisation sees it. Vectors are
/// float64.
struct LocalModel {
  at::Tensor gradient;                          ///< of f
  spectrum::SymmetricOperator curvature;        ///< G v, the Gauss-Newton product of f, or of some of its records
  at::Tensor mean_squares;                      ///< mean over records of their squared gradients; only with alpha > 0
  double value = 0;                             ///< f(theta)
  std::function<double(const at::Tensor&)> at;  ///< f(theta + step)
};

/// The constants of Martens (2010) and of Martens and Sutskever (2012), which they do not vary, have their values as
/// defaults.
struct HessianFreeOptions {
  TruncatedCgOptions cg;
  double alpha = 0;            ///< in [0, 1]: exponent of the preconditioner (theirs is 0.75); 0: none
  double zeta = 0.95;          ///< in [0, 1]: CG starts from zeta times the solution of the last step
  double lambda_factor = 1.5;  ///< lambda times this where rho < 1/4, by it where rho > 3/4
  double line_factor = 0.8;    ///< the line search shortens by it
  double line_slope = 1e-2;    ///< until f falls by at least this share of what the gradient says
  int64_t line_steps = 60;     ///< at most; then no step is taken
};

/// What a step leaves for the next.
struct HessianFreeState {
  at::Tensor solution;  ///< of conjugate gradients; undefined before the first step
  double lambda = 1;    ///< damping
};

struct HessianFreeStep {
  at::Tensor step;       ///< new theta less the old one
  double step_size = 0;  ///< of the line search; 0: none that decreases f was found, and the step is zero
  double lambda = 0;     ///< that the step was taken with
  double rho = 0;        ///< (f(theta + p) - f(theta)) / q(p), before the line search
  int64_t products = 0;  ///< with the curvature
  int64_t values = 0;    ///< evaluations of f
  int64_t cg_iterations = 0;
};

/// One step of Hessian-free optimisation (Martens, ICML 2010; Martens and Sutskever, in Neural Networks: Tricks of the
/// Trade, 2012):
///   1. p minimises the damped model q(p) = <g, p> + p^T (G + lambda I) p / 2 by truncated conjugate gradients, started
///      from zeta times the last solution, preconditioned by M = (diag(s) + lambda I)^alpha with s = mean_squares,
///      which stands for the diagonal of G;
///   2. CG backtracking: from the last kept iterate back to earlier ones while f falls;
///   3. Levenberg-Marquardt: rho = (f(theta + p) - f(theta)) / q(p) moves lambda;
///   4. a line search along p.
HessianFreeStep hessian_free_step(const LocalModel& model, const HessianFreeOptions& options, HessianFreeState& state);

}  // namespace proxprop::batch
