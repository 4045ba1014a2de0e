#include "lab/verify/verify.h"

namespace proxprop::verify {
namespace {

using Check = std::vector<Row> (*)(const Problem&, const DirectionRule&);

ProximalStep direction(const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options) {
  return proximal_direction(transfer, grad_output, options);
}

std::function<std::vector<Row>(const Problem&)> of_the_library(Check check) {
  return [check](const Problem& problem) { return check(problem, direction); };
}

lab::Sweep sweep(
    const lab::Network& network, const lab::Batch& batch, const lab::Loss& loss, const lab::StepRules& rules,
    const lab::SweepOptions& options) {
  return lab::sweep(network, batch, loss, rules, options);
}

std::vector<Row> proposition_1(const Problem& problem) {
  return check_proposition_1(problem, sweep);
}

// The algorithm as the paper writes it, then the direction by itself on every route.
std::vector<Row> proposition_2(const Problem& problem) {
  std::vector<Row> rows = check_algorithm_2(problem, sweep);
  const std::vector<Row> routes = check_proposition_2(problem, direction);
  rows.insert(rows.end(), routes.begin(), routes.end());
  return rows;
}

}  // namespace

const std::vector<Proposition>& propositions() {
  static const std::vector<Proposition> all = {
      {"1", "Algorithm 1 with rho = gamma = 1 / tau is gradient descent", proposition_1},
      {"2", "the step is the gradient times (I / tau_theta + phi* phi)^-1", proposition_2},
      {"3", "fixed points are stationary points", of_the_library(check_proposition_3)},
      {"4", "the step descends, at an angle bounded away from a right one", of_the_library(check_proposition_4)},
      {"5", "so does every conjugate gradient iterate", of_the_library(check_proposition_5)},
      {"stochastic", "diminishing steps on batches converge", of_the_library(check_stochastic_convergence)},
      {"stability", "implicit steps decrease for every step size", of_the_library(check_stability)},
  };
  return all;
}

}  // namespace proxprop::verify
