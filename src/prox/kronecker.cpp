#include <proxprop/prox/kronecker.h>

#include "prox/dense_product.h"
#include "prox/factor.h"
#include "prox/parameter_matrix.h"
#include "prox/precise_math.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace proxprop {

at::Tensor input_gram(const LinearTransfer& transfer) {
  TORCH_CHECK(transfer.has_feature_gram(), "proxprop: this transfer offers no Gram matrix of its inputs");
  const c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  return transfer.feature_gram();
}

at::Tensor output_gram(const LinearTransfer& transfer, const at::Tensor& grad_output) {
  TORCH_CHECK(
      transfer.has_sample_matrix(), "proxprop: the outputs of this transfer are not rows, and have no Gram matrix");
  const c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  return symmetric_gram(transfer.output_rows(grad_output).transpose(1, 2));
}

DampedInverse damped_inverse(const at::Tensor& gram, double damping) {
  TORCH_CHECK(
      gram.dim() == 3 && gram.size(1) == gram.size(2) && gram.scalar_type() == at::kDouble,
      "proxprop: damped_inverse needs Gram matrices [groups, n, n] in float64, got ", gram.scalar_type(), gram.sizes());
  const auto factor = factorize(gram.clone(), damping);
  return {factor.inverse(), factor.status, factor.jitter};
}

std::vector<at::Tensor> kronecker_product(
    const LinearTransfer& transfer, const at::Tensor& left, at::TensorList theta, const at::Tensor& right) {
  const c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  const auto product = batched_product(batched_product(left, to_matrix(transfer, theta)), right);
  return from_matrix(transfer, product, theta[0].scalar_type());
}

}  // namespace proxprop
