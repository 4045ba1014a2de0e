#pragma once

#include <proxprop/prox/export.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace proxprop {

class Communicator;

/// The exact proximal step: V solves (I / tau_theta + phi* phi) V = dJ/dtheta (paper, eq. 13 and 16) by one Cholesky
/// factorisation.
struct Cholesky {
  bool operator==(const Cholesky&) const = default;
};

/// Which inner products a conjugate gradient iteration uses.
enum class Coupling {
  per_output,  ///< one independent system per output (column): the paper's fully connected layers
  joint,       ///< one system for the stacked parameter vector: the paper's convolutions
};

/// The inexact step: `iterations` conjugate gradient iterations on eq. 16, started from zero update. Every iterate is a
/// descent direction (paper, Prop. 5).
struct ConjugateGradient {
  /// Default 3 (the paper's "cg3"). More iterations come closer to `Cholesky`.
  int64_t iterations = 3;
  /// A system whose residual is below `tolerance` times its right-hand side takes no further iterations. 0: never.
  double tolerance = 0.0;
  /// Unset: per output for linear layers, joint for convolutions, as in the paper.
  std::optional<Coupling> coupling = std::nullopt;
  bool operator==(const ConjugateGradient&) const = default;
};

/// The exact step for less where it repeats itself: conjugate gradients on eq. 16 with this step's own Gram,
/// preconditioned by the Cholesky factor of an earlier step's, until every output's residual is below `tolerance` times
/// its gradient. Where that takes more than `max_iterations` the factor is made anew, so the answer is always that
/// exact. It saves the factorisation (d^3 / 3 operations) of the feature Gram route where d is much larger than the
/// number of outputs and a batch has several times d rows, so that Grams of batches are alike; elsewhere it is
/// `Cholesky`. Needs a layer, which keeps the factor (or a `SolverState`).
struct AmortizedCholesky {
  double tolerance = 1e-4;    ///< in (0, 1): relative residual
  int64_t update_every = 20;  ///< steps after which the factor is made anew in any case
  int64_t max_iterations = 10;
  bool operator==(const AmortizedCholesky&) const = default;
};

/// An openly inexact step for little more than a gradient: the Gram is a running average over batches, and its inverse
/// is renewed every `update_every` steps (FOOF: Benzing, ICML 2022, where `decay`, `update_every` and `average_steps`
/// are m, T and S). Not the proximal step of the paper: with decay 0 and update_every 1 it is, in exact arithmetic.
/// Needs the feature Gram, and a layer, which keeps the average (or a `SolverState`).
struct RunningGram {
  double decay = 0.95;       ///< in [0, 1): weight of the average so far when a batch's Gram is added
  int64_t update_every = 1;  ///< steps from one inverse to the next
  /// Of the steps from one inverse to the next, the last so many add their Gram to the average; from 1 to
  /// `update_every`. The first step always does, and its average is its own Gram.
  int64_t average_steps = 1;
  bool operator==(const RunningGram&) const = default;
};

/// No proximal step: the direction is the gradient, and training is plain backpropagation.
struct Gradient {
  bool operator==(const Gradient&) const = default;
};

using Solver = std::variant<Cholesky, ConjugateGradient, Gradient, AmortizedCholesky, RunningGram>;

/// Whether the solver gives V itself, to working accuracy or a tolerance, rather than an approximation.
inline bool is_exact(const Solver& solver) {
  return std::holds_alternative<Cholesky>(solver) || std::holds_alternative<AmortizedCholesky>(solver);
}
/// Whether the solver keeps something from step to step, and so needs a `SolverState`.
inline bool keeps_state(const Solver& solver) {
  return std::holds_alternative<AmortizedCholesky>(solver) || std::holds_alternative<RunningGram>(solver);
}

/// What the Gram matrix is divided by.
enum class Scaling {
  sum,   ///< nothing, as in the paper: tau_theta depends on the batch size
  mean,  ///< the number of rows S, so that tau_theta keeps its meaning when the batch size changes
};

/// How the direction is computed. All routes give the same V.
enum class Route {
  sample_gram,   ///< V = A^T (K + beta I)^-1 g with K = A A^T, S x S ("dual"); no d x d matrix
  feature_gram,  ///< V = (G + beta I)^-1 A^T g with G = A^T A, d x d; one factor serves all outputs
  matrix_free,   ///< conjugate gradients with phi and phi* only
  gradient,      ///< no proximal step
};

/// Options of one proximal step.
struct ProximalOptions {
  /// Step size of the proximal mapping, eq. 11; beta = 1 / tau_theta. Must be positive and finite. It bounds the
  /// direction (|V| <= tau_theta |gradient|) and sets which eigen-directions of the Gram are damped.
  double tau_theta = 1.0;
  Solver solver = Cholesky{};
  Scaling scaling = Scaling::sum;
  /// Unset: the planner decides (plan.h).
  std::optional<Route> route = std::nullopt;
  /// Bytes that the step may take beyond what backpropagation takes; the planner leaves out routes that need more,
  /// unless all do. 0: half of the machine's memory on the CPU, no limit elsewhere.
  int64_t memory_limit = 0;
  /// Ranks that take the step together: the direction is the one for the samples of all ranks, and for the mean of
  /// their losses, as in data parallel training. Every rank gets the same direction and must take the same steps in the
  /// same order; how many samples each has may differ. Null: this rank alone.
  std::shared_ptr<Communicator> communicator = nullptr;
  bool operator==(const ProximalOptions&) const = default;
};

/// "exact", "cg3", "gradient", "amortized", "running Gram".
PROXPROP_API std::string to_string(const Solver& solver);
/// "sample Gram", "feature Gram", "matrix-free", "gradient".
PROXPROP_API std::string to_string(Route route);

/// Throws c10::Error that names the value and the constraint it breaks.
PROXPROP_API void check(const ProximalOptions& options);

}  // namespace proxprop
