#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>

namespace proxprop::batch {

/// The change of position and of gradient between two evaluations of a function, in coordinates of the subspace.
struct SecantPair {
  at::Tensor dx;  ///< [K]
  at::Tensor df;  ///< [K]: f' at the later position less f' at the earlier one
};

/// H = beta I + U diag(s) U^T, a BFGS matrix in the K coordinates of a growing subspace: vectors of the time before
/// have zeros for the coordinates that came later.
class BfgsMatrix {
 public:
  BfgsMatrix() = default;
  explicit BfgsMatrix(double beta) : beta_(beta) {}

  /// BFGS updates of beta I by the pairs in their order, beta being the smallest positive eigenvalue of the symmetric
  /// solution of all their secant equations (Sohl-Dickstein et al. 2014, section 3.3.2), or `otherwise` where it has
  /// none. A pair without positive curvature <dx, df> would make H indefinite and is left out.
  static BfgsMatrix of(const std::deque<SecantPair>& pairs, double otherwise);

  double beta() const { return beta_; }
  /// H v, [K].
  at::Tensor times(const at::Tensor& v) const;
  /// Adds the K x K matrix H to `matrix`.
  void add_to(at::Tensor& matrix) const;
  /// The coordinates become Q^T of what they were, Q [K, K'] with orthonormal columns.
  void project(const at::Tensor& q);

  const at::Tensor& vectors() const { return u_; }  ///< U [K_then, 2 pairs]; undefined without pairs
  static BfgsMatrix from_parts(double beta, const at::Tensor& vectors);

 private:
  at::Tensor signs() const;

  double beta_ = 1;
  at::Tensor u_;  // columns by turns: added, subtracted
};

/// A vector, or the rows of a matrix, with zeros up to K coordinates.
at::Tensor padded(const at::Tensor& coordinates, int64_t k);

}  // namespace proxprop::batch
