#pragma once
// What methods with Kronecker-factored curvature share with the proximal step: Gram matrices of a layer's inputs and of
// its output gradients, their damped inverses, and the product of those with a matrix of parameters. theta is the
// matrix of the sample product, [O, d] with the bias last, block diagonal over groups (see `parameter_rows`).

#include <proxprop/prox/direction.h>
#include <proxprop/prox/export.h>
#include <proxprop/prox/linear_transfer.h>

#include <ATen/core/Tensor.h>

#include <vector>

namespace proxprop {

/// G = A^T A, [groups, d, d] float64, computed as for the exact step whatever the precision of products is set to. Not
/// divided by anything. Throws c10::Error for a transfer without a feature Gram.
PROXPROP_API at::Tensor input_gram(const LinearTransfer& transfer);

/// g^T g over the rows of `grad_output`, g = dJ/dz, [groups, O / groups, O / groups] float64. Throws c10::Error for a
/// transfer whose outputs are not rows.
PROXPROP_API at::Tensor output_gram(const LinearTransfer& transfer, const at::Tensor& grad_output);

struct DampedInverse {
  at::Tensor inverse;          ///< [groups, n, n] float64; NaN where `status` is `not_finite`
  Status status = Status::ok;  ///< `ok`, `regularized` or `not_finite`, see Status
  double jitter = 0.0;         ///< what was added to the damping, 0 where nothing was
};

/// (gram + damping I)^-1 for symmetric positive semi-definite matrices [groups, n, n], float64, by Cholesky
/// factorisation with the safeguards of the exact step.
PROXPROP_API DampedInverse damped_inverse(const at::Tensor& gram, double damping);

/// left theta right in the parameters' shapes and dtype, for `theta` one tensor per parameter, `left`
/// [groups, O / groups, O / groups] and `right` [groups, d, d] in the dtype of theta.
PROXPROP_API std::vector<at::Tensor> kronecker_product(
    const LinearTransfer& transfer, const at::Tensor& left, at::TensorList theta, const at::Tensor& right);

}  // namespace proxprop
