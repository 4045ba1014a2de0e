// The feature route: V = (beta I + G)^-1 B with G = A^T A [d, d] and B = A^T g, one factor for all outputs. B is
// accumulated in float64: the solve amplifies its rounding error by the condition number (3e6 at the paper's first
// convolution).

#include "prox/block_solve.h"
#include "prox/conjugate_gradient.h"
#include "prox/dense_product.h"
#include "prox/factor.h"
#include "prox/parameter_matrix.h"
#include "prox/ranks.h"
#include "prox/routes.h"
#include "prox/saved_gram.h"

#include <ATen/ATen.h>

namespace proxprop {

namespace {

// x [groups, O, d] is held as itself; M x = beta x + x G.
class FeatureSpace final : public CgSpace {
 public:
  FeatureSpace(at::Tensor gram, double beta, Coupling coupling)
      : gram_(std::move(gram)), beta_(beta), joint_(coupling == Coupling::joint) {}

  at::Tensor dot(const CgVector& x, const CgVector& y) const override {
    const auto products = x[0] * y[0];
    return joint_ ? products.sum() : products.sum({2}, /*keepdim=*/true);
  }
  at::Tensor curvature(const CgVector& p, const CgVector&) override {
    image_ = at::add(batched_product(p[0], gram_), p[0], beta_);
    return dot(p, {image_});
  }
  CgVector multiply(const CgVector&, const CgVector&) override { return {image_}; }
  at::Tensor as_factor(const at::Tensor& scalars, const at::Tensor&) const override { return scalars; }

 private:
  at::Tensor gram_;
  double beta_;
  bool joint_;
  at::Tensor image_;
};

// V [groups, O, d].
at::Tensor exact_direction(
    const LinearTransfer& transfer, const Ranks& ranks, const at::Tensor& gradient, double beta, StepSummary& summary) {
  const auto right = gradient.transpose(1, 2);
  if (gradient.is_cpu() && ranks.alone() && transfer.feature_block_sizes().size() > 1) {
    const auto solution =
        solve_by_blocks(transfer.feature_gram_blocks(), double(transfer.dimensions()->rows), beta, right);
    if (solution) {
      return solution->transpose(1, 2);
    }
  }
  const auto factor = factorize(ranks.feature_gram(transfer), beta);
  summary.status = factor.status;
  summary.jitter = factor.jitter;
  return factor.solve(right).transpose(1, 2);
}

}  // namespace

ProximalStep feature_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  const auto& ranks = request.ranks;
  const auto gradient = ranks.sum(to_matrix(transfer, transfer.accurate_adjoint(grad_output)));
  ProximalStep step;
  step.summary.route = Route::feature_gram;
  at::Tensor direction;
  if (const auto* running = std::get_if<RunningGram>(&request.solver)) {
    direction = running_gram_direction(
        transfer, ranks, gradient.to(grad_output.scalar_type()), request.beta, *running, *request.saved, step.summary);
  } else if (const auto* amortized = std::get_if<AmortizedCholesky>(&request.solver);
             amortized != nullptr && amortizing_pays(*transfer.dimensions(), ranks.rows(), *amortized)) {
    direction = amortized_solve(
                    ranks.feature_gram(transfer), gradient.transpose(1, 2), request.beta, *amortized, *request.saved,
                    step.summary)
                    .transpose(1, 2);
  } else if (is_exact(request.solver)) {
    direction = exact_direction(transfer, ranks, gradient, request.beta, step.summary);
  } else {
    const auto& cg = std::get<ConjugateGradient>(request.solver);
    FeatureSpace space(ranks.feature_gram(transfer), request.beta, request.coupling);
    auto result = conjugate_gradient(space, {gradient}, cg.iterations, cg.tolerance);
    direction = result.solution[0];
    step.summary.iterations = result.iterations;
    step.summary.status = convergence_status(cg.tolerance, result.converged);
  }
  step.direction = from_matrix(transfer, direction, grad_output.scalar_type());
  return step;
}

}  // namespace proxprop
