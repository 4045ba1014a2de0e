#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace proxprop::spectrum {

/// y = H x for a symmetric H; vectors [n] in float64, and computed in it: residuals allow for no other rounding.
using SymmetricOperator = std::function<at::Tensor(const at::Tensor&)>;

/// What `steps` Lanczos steps know of H, seen from one starting vector b. All [m], m <= steps, ascending in `values`.
struct Lanczos {
  at::Tensor values;  ///< Ritz values: none outside the spectrum of H, but for rounding
  /// |H y - value y| of the unit Ritz vectors y: some eigenvalue of H is this close to the value.
  at::Tensor residuals;
  /// Squares of <b, y> / |b|: the values and weights are Gauss quadrature for <b, f(H) b> / |b|^2, exact for
  /// polynomials f of degree below 2 m.
  at::Tensor weights;
  bool exhausted = false;  ///< the Krylov space of b is used up: every value is an eigenvalue, but for rounding
};

/// Lanczos (1950) with full reorthogonalisation, twice in each step: without it rounding brings copies of eigenvalues
/// that have converged, and they would count twice in the quadrature. Keeps `steps` vectors of n numbers. Throws
/// c10::Error where `start` is zero or H gives what is not finite.
Lanczos lanczos(const SymmetricOperator& h, const at::Tensor& start, int64_t steps);

}  // namespace proxprop::spectrum
