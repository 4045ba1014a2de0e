#pragma once
// Where tau_theta |K| is so large that float64 hides part of beta I + K, the sample route's direction is judged by its
// residual before it is handed on.

#include "prox/ranks.h"

#include <proxprop/prox/direction.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// Whether rounding of K may have cost the direction digits that count in `dtype`: `trace` is that of K before it was
/// factorised, `smallest_pivot` the least of beta I + K.
bool float64_hides(double trace, double smallest_pivot, at::ScalarType dtype);

/// Replaces `step.direction`, this rank's part of it, by one whose residual is that of rounding, where there is one:
/// the solution in the eigenvectors of K without those that rounding made up. What is left over is told by the status
/// `regularized`. `samples` and `rows` are A and g of all ranks.
void certify(
    const LinearTransfer& transfer,
    const Ranks& ranks,
    const SampleMatrix& samples,
    const at::Tensor& rows,
    double beta,
    ProximalStep& step);

}  // namespace proxprop
