// FOOF (Benzing, Gradient Descent on Neurons and its Link to Approximate Second-Order Optimization, ICML 2022): the
// proximal direction with a running average in place of the batch's own Gram. A step costs a product with a d x d
// matrix; the average and its inverse are renewed every few steps.

#include "prox/dense_product.h"
#include "prox/ranks.h"
#include "prox/saved_gram.h"

#include <ATen/ATen.h>

#include <limits>

namespace proxprop {

namespace {

bool fits(const SavedGram& saved, const at::Tensor& gradient) {
  return saved.gram.defined() && saved.gram.size(0) == gradient.size(0) && saved.gram.size(1) == gradient.size(2) &&
         saved.gram.device() == gradient.device();
}

}  // namespace

at::Tensor running_gram_direction(
    const LinearTransfer& transfer,
    const Ranks& ranks,
    const at::Tensor& gradient,
    double beta,
    const RunningGram& solver,
    SavedGram& saved,
    StepSummary& summary) {
  const std::lock_guard<std::mutex> lock(saved.mutex);
  const auto rows = double(ranks.rows());
  const bool known = fits(saved, gradient);
  if (!known || saved.age >= solver.update_every) {
    const auto gram = ranks.feature_gram(transfer).div_(rows);
    if (gram.is_cpu() && !gram.isfinite().all().item<bool>()) {  // the average would never get well again
      summary.status = Status::not_finite;
      return at::full_like(gradient, std::numeric_limits<double>::quiet_NaN());
    }
    saved.gram = known ? saved.gram.mul_(solver.decay).add_(gram, 1 - solver.decay) : gram;
    saved.inverse = at::Tensor();
    saved.age = 0;
  }
  // Between updates the damping per row stays what it was: the last batch of an epoch may be a smaller one.
  if (!saved.inverse.defined() || saved.inverse.scalar_type() != gradient.scalar_type()) {
    saved.damping = saved.age == 0 ? beta / rows : saved.damping;
    const auto factor = factorize(saved.gram.clone(), saved.damping);
    saved.inverse = factor.inverse().to(gradient.scalar_type());
    summary.renewed = true;
    summary.status = factor.status;
    summary.jitter = factor.jitter;
  }
  ++saved.age;
  return batched_product(gradient, saved.inverse).div_(rows);
}

}  // namespace proxprop
