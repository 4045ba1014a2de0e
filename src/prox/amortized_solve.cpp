// Preconditioned conjugate gradients on eq. 16 with an old factor. Where data change slowly and rows are many, the
// factor of an earlier batch solves this batch's system to a few per cent, and a few iterations with this batch's own
// Gram do the rest: the answer is as exact as its tolerance, whatever the age of the factor.

#include "prox/conjugate_gradient.h"
#include "prox/dense_product.h"
#include "prox/saved_gram.h"

#include <ATen/ATen.h>

#include <cmath>

namespace proxprop {

namespace {

// <x, y> of every column.
at::Tensor inner_products(const at::Tensor& x, const at::Tensor& y) {
  return (x * y).sum({1}, /*keepdim=*/true);
}

bool fits(const SavedGram& saved, const at::Tensor& gram) {
  return saved.gram.defined() && saved.gram.sizes() == gram.sizes() && saved.gram.device() == gram.device();
}

void renew(SavedGram& saved, at::Tensor gram, double beta) {
  saved.gram = gram.clone();
  saved.damping = beta;
  saved.age = 0;
  saved.factor = factorize(std::move(gram), beta);
}

// Whether every column reached the tolerance; then `x` is the solution.
bool iterate(
    const at::Tensor& gram,
    const at::Tensor& right,
    double beta,
    const AmortizedCholesky& solver,
    const Factor& factor,
    at::Tensor& x,
    int64_t& iterations) {
  const auto image = [&](const at::Tensor& v) { return batched_product(gram, v).add_(v, beta); };
  const auto target = inner_products(right, right) * (solver.tolerance * solver.tolerance);
  x = factor.solve(right);
  auto residual = right - image(x);
  at::Tensor direction, energy;
  while (!(inner_products(residual, residual) <= target).all().item<bool>()) {
    if (iterations == solver.max_iterations) {
      return false;
    }
    const auto preconditioned = factor.solve(residual);
    const auto next = inner_products(residual, preconditioned);
    direction =
        direction.defined() ? at::addcmul(preconditioned, direction, safe_quotient(next, energy)) : preconditioned;
    energy = next;
    const auto product = image(direction);
    const auto step = safe_quotient(energy, inner_products(direction, product));
    x.addcmul_(direction, step);
    residual.addcmul_(product, step, -1);
    ++iterations;
  }
  return true;
}

}  // namespace

bool amortizing_pays(const Dimensions& dimensions, int64_t rows, const AmortizedCholesky& solver) {
  const auto columns = double(dimensions.columns);
  const auto outputs = double(dimensions.outputs) / double(dimensions.groups);
  const auto spread = std::sqrt(columns / double(rows));
  if (spread >= 1) {
    return false;
  }
  const auto root_of_condition = (1 + spread) / (1 - spread);
  const auto iterations = 1 + 0.5 * root_of_condition * std::log(2 / solver.tolerance);
  return iterations * 4 * columns * columns * outputs < columns * columns * columns / 3;
}

at::Tensor amortized_solve(
    at::Tensor gram,
    const at::Tensor& right,
    double beta,
    const AmortizedCholesky& solver,
    SavedGram& saved,
    StepSummary& summary) {
  const std::lock_guard<std::mutex> lock(saved.mutex);
  if (fits(saved, gram) && saved.damping == beta && saved.age + 1 < solver.update_every &&
      saved.factor.status != Status::not_finite) {
    if (saved.factor.empty()) {  // restored
      saved.factor = factorize(saved.gram.clone(), beta);
    }
    ++saved.age;
    at::Tensor x;
    if (iterate(gram, right, beta, solver, saved.factor, x, summary.iterations)) {
      return x;
    }
  }
  renew(saved, std::move(gram), beta);
  summary.renewed = true;
  summary.status = saved.factor.status;
  summary.jitter = saved.factor.jitter;
  return saved.factor.solve(right);
}

}  // namespace proxprop
