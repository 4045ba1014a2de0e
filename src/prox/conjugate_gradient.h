#pragma once
// One conjugate gradient iteration for all spaces in which eq. 16 can be solved.

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace proxprop {

/// A vector of the space: one tensor, or one per parameter.
using CgVector = std::vector<at::Tensor>;

/// The space in which M x = b is solved, with M = beta I + phi* phi.
///
/// A vector x may be represented by coefficients: then `metric` maps coefficients to those of B x, such that
/// <x, y> = dot(x, metric(y)). Where vectors are represented by themselves, `metric` is the identity.
///
/// `dot` returns one float64 number per independent system, in a shape that broadcasts against the tensors of a vector.
class CgSpace {
 public:
  virtual ~CgSpace() = default;
  virtual CgVector metric(const CgVector& x) const { return x; }
  virtual at::Tensor dot(const CgVector& x, const CgVector& y) const = 0;
  /// <p, M p>, given p and metric(p). May keep what `multiply` needs.
  virtual at::Tensor curvature(const CgVector& p, const CgVector& metric_p) = 0;
  /// M p for the p of the last call of `curvature`; only called when another iteration follows.
  virtual CgVector multiply(const CgVector& p, const CgVector& metric_p) = 0;
  /// Squared norm of a residual that is rounding alone, beside the first one. Coefficients may have parts that the
  /// metric does not see, where curvature is beta alone: past this a step would be rounding over beta, and the system
  /// counts as solved. Empty: none.
  virtual std::optional<at::Tensor> rounding(const CgVector&) const { return std::nullopt; }
  /// `scalars` (from `dot`) as a factor of the i-th tensor of a vector.
  virtual at::Tensor as_factor(const at::Tensor& scalars, const at::Tensor& like) const = 0;
};

struct CgResult {
  CgVector solution;
  int64_t iterations = 0;
  bool converged = false;  ///< every system's residual is below the tolerance
};

/// `stalled` where a tolerance was asked for and not reached.
inline Status convergence_status(double tolerance, bool converged) {
  return tolerance > 0 && !converged ? Status::stalled : Status::ok;
}

/// Square of some roundings of `dtype`.
double squared_rounding(at::ScalarType dtype);

/// numerator / denominator, and zero where the denominator is exactly zero: that system is solved. NaN passes through.
at::Tensor safe_quotient(const at::Tensor& numerator, const at::Tensor& denominator);

/// At most `iterations` steps from x = 0, fewer where a `tolerance` above zero is reached. Each denominator is exact:
/// no epsilon is added anywhere, so the iterates scale with b. A system whose right-hand side is exactly zero gets a
/// zero solution; NaN in b stays visible in x.
CgResult conjugate_gradient(CgSpace& space, const CgVector& right_side, int64_t iterations, double tolerance);

}  // namespace proxprop
