// FOOF (Benzing, Gradient Descent on Neurons and its Link to Approximate Second-Order Optimization, ICML 2022): the
// proximal direction with a running average in place of the batch's own Gram. A step costs a product with a d x d
// matrix; the average and its inverse are renewed every few steps.

#include "prox/dense_product.h"
#include "prox/ranks.h"
#include "prox/saved_gram.h"

#include <proxprop/prox/kronecker.h>

#include <ATen/ATen.h>

#include <limits>

namespace proxprop {

namespace {

bool fits(const SavedGram& saved, const at::Tensor& gradient) {
  return saved.gram.defined() && saved.gram.size(0) == gradient.size(0) && saved.gram.size(1) == gradient.size(2) &&
         saved.gram.device() == gradient.device();
}

void invert(SavedGram& saved, at::ScalarType dtype, StepSummary& summary) {
  const auto inverted = damped_inverse(saved.gram, saved.damping);
  saved.inverse = inverted.inverse.to(dtype);
  saved.ahead = false;
  summary.renewed = true;
  summary.status = inverted.status;
  summary.jitter = inverted.jitter;
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
  const auto dtype = gradient.scalar_type();
  const bool known = fits(saved, gradient);
  const bool due = !known || saved.age >= solver.update_every;
  if (!due && (!saved.inverse.defined() || saved.inverse.scalar_type() != dtype)) {
    invert(saved, dtype, summary);  // restored; before the average moves on
  }
  if (due || saved.age > solver.update_every - solver.average_steps) {
    const auto gram = ranks.feature_gram(transfer).div_(rows);
    if (gram.is_cpu() && !gram.isfinite().all().item<bool>()) {  // the average would never get well again
      summary.status = Status::not_finite;
      return at::full_like(gradient, std::numeric_limits<double>::quiet_NaN());
    }
    saved.gram = known ? saved.gram.mul_(solver.decay).add_(gram, 1 - solver.decay) : gram;
    saved.ahead = true;
  }
  // Between inversions the damping per row stays what it was: the last batch of an epoch may be a smaller one.
  if (due) {
    saved.damping = beta / rows;
    saved.age = 0;
    invert(saved, dtype, summary);
  }
  ++saved.age;
  return batched_product(gradient, saved.inverse).div_(rows);
}

}  // namespace proxprop
