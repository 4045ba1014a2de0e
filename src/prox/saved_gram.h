#pragma once
// Solvers that go on from an earlier step's Gram matrix.

#include "prox/factor.h"
#include "prox/routes.h"

#include <ATen/core/Tensor.h>

#include <mutex>

namespace proxprop {

/// The Gram matrix of an earlier step, or a running average, and what was made of it.
struct SavedGram {
  mutable std::mutex mutex;
  at::Tensor gram;     ///< [groups, d, d] float64; undefined before the first step
  double damping = 0;  ///< that factor and inverse were made with
  int64_t age = 0;     ///< steps since then
  Factor factor;       ///< for AmortizedCholesky
  at::Tensor inverse;  ///< for RunningGram, in the dtype of the gradients; made anew where undefined
  bool ahead = false;  ///< the Gram was added to since the inverse was made, which it does not give again
};

/// Whether iterations with an old factor are expected to cost less than a new one. Grams of two batches of `rows`
/// independent samples differ by factors between (1 -+ sqrt(d / rows))^2 (Marchenko and Pastur), which bounds the
/// iterations; each costs two products of d^2 with the outputs.
bool amortizing_pays(const Dimensions& dimensions, int64_t rows, const AmortizedCholesky& solver);

/// Whether the feature route solves from this step's Gram alone, so that one rank may do it for all. `dimensions` of
/// the rows of all ranks.
inline bool solves_afresh(const Solver& solver, const Dimensions& dimensions) {
  const auto* amortized = std::get_if<AmortizedCholesky>(&solver);
  return !keeps_state(solver) || (amortized != nullptr && !amortizing_pays(dimensions, dimensions.rows, *amortized));
}

/// Solves (beta I + gram) x = right for `right` [groups, d, O] to the tolerance of `solver`: conjugate gradients
/// preconditioned by the saved factor, started from its solution; by a new factor where they take too long or it is too
/// old.
at::Tensor amortized_solve(
    at::Tensor gram,
    const at::Tensor& right,
    double beta,
    const AmortizedCholesky& solver,
    SavedGram& saved,
    StepSummary& summary);

/// V [groups, O, d] = gradient (beta I + rows G)^-1 with the running mean G of Gram matrices per row.
at::Tensor running_gram_direction(
    const LinearTransfer& transfer,
    const Ranks& ranks,
    const at::Tensor& gradient,
    double beta,
    const RunningGram& solver,
    SavedGram& saved,
    StepSummary& summary);

}  // namespace proxprop
