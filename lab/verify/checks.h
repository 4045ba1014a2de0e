#pragma once
// One function per proposition. What is under test is an argument, so that a test can hand in a broken one.

#include "lab/sweep.h"
#include "lab/verify/dense.h"
#include "lab/verify/row.h"

#include <proxprop/prox/direction.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::verify {

/// Gives the proximal direction; `proximal_direction` has this form.
using DirectionRule = std::function<ProximalStep(const LinearTransfer&, const at::Tensor&, const ProximalOptions&)>;

/// One iteration of Algorithm 1 or 2; `lab::sweep` has this form.
using SweepRule = std::function<lab::Sweep(
    const lab::Network&, const lab::Batch&, const lab::Loss&, const lab::StepRules&, const lab::SweepOptions&)>;

/// What the propositions are checked on.
struct Problem {
  Batch data;
  uint64_t seed = 0;
  std::vector<DenseNetwork> networks;  ///< two networks and two activations, each at random and at trained weights
};

/// `data` holds at least 500 records.
Problem make_problem(const Batch& data, uint64_t seed);

/// Algorithm 1 with rho = gamma = 1 / tau is gradient descent, eq. 2: its updates against autograd.
std::vector<Row> check_proposition_1(const Problem& problem, const SweepRule& sweep);

/// Algorithm 2 takes the steps of eq. 13, and eq. 12 for the output layer.
std::vector<Row> check_algorithm_2(const Problem& problem, const SweepRule& sweep);

/// V = (I / tau_theta + phi* phi)^-1 dJ/dtheta by every route, against a dense solve.
std::vector<Row> check_proposition_2(const Problem& problem, const DirectionRule& direction);

/// V = 0 where and only where the gradient is 0: |grad| / (beta + lambda_max) <= |V| <= tau_theta |grad|; iterated
/// steps come to rest at stationary points.
std::vector<Row> check_proposition_3(const Problem& problem, const DirectionRule& direction);

/// V is a descent direction, and its angle to the gradient is bounded: per layer, for the whole parameter vector, and
/// along a training run by a constant that is known beforehand.
std::vector<Row> check_proposition_4(const Problem& problem, const DirectionRule& direction);

/// Every conjugate gradient iterate is a descent direction, minimises over its Krylov space, and grows.
std::vector<Row> check_proposition_5(const Problem& problem, const DirectionRule& direction);

/// Section 4.2.3: diminishing steps on batches.
std::vector<Row> check_stochastic_convergence(const Problem& problem, const DirectionRule& direction);

/// Section 4.1: the implicit step decreases its objective for every step size, the explicit one does not.
std::vector<Row> check_stability(const Problem& problem, const DirectionRule& direction);

/// Relative error that a backward-stable solve of a system with this condition number may have: its residual is below
/// 1e-13, which is also where conjugate gradients stop that solve exactly.
inline double rounding(double condition) {
  return 1e-13 * condition;
}

}  // namespace proxprop::verify
