#pragma once

#include "lab/spectrum/lanczos.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop::batch {

/// When Hessian-free optimisation ends its conjugate gradients, and which iterates it keeps (Martens 2010, section 4).
struct TruncatedCgOptions {
  int64_t iterations = 250;  ///< at most
  /// Ends at iteration i where phi(x_i) < 0 and (phi(x_i) - phi(x_{i-k})) / phi(x_i) < k epsilon, with
  /// k = max(10, 0.1 i): the relative progress per iteration over the last tenth of them.
  double epsilon = 5e-4;
  double backtracking = 1.3;  ///< the iterates i = ceil(backtracking^j) are kept, and the last
};

/// One of the kept iterates.
struct CgIterate {
  at::Tensor x;
  double model = 0;  ///< phi(x) = x^T B x / 2 - b^T x
};

struct TruncatedCg {
  std::vector<CgIterate> iterates;  ///< in their order; the last is the solution
  int64_t iterations = 0;
};

/// Conjugate gradients on B x = b from `start`, for a positive definite B (`spectrum::SymmetricOperator`: float64),
/// preconditioned by the diagonal matrix M of `preconditioner` [n], positive; undefined: none. An iteration takes one
/// product, the start another. Ends early where B shows a direction of no positive curvature, which
/// is rounding, or what is not finite.
TruncatedCg truncated_cg(
    const spectrum::SymmetricOperator& b_times,
    const at::Tensor& right_side,
    const at::Tensor& start,
    const TruncatedCgOptions& options,
    const at::Tensor& preconditioner = {});

}  // namespace proxprop::batch
