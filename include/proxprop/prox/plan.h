#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/rates.h>

#include <string>
#include <vector>

namespace proxprop {

/// What the planner knows of a problem: sizes, what the transfer offers, what is asked for.
struct Problem {
  std::optional<Route> route;  ///< asked for by the caller; then the plan only prices it
  double memory_limit = 0;     ///< bytes; 0: none
  std::optional<Dimensions> dimensions;
  bool has_sample_matrix = false;
  bool has_feature_gram = false;
  Work apply_work, adjoint_work, accurate_adjoint_work;
  Work sample_gram_work, feature_gram_work;
  double sample_gram_bytes = 0, feature_gram_bytes = 0;  ///< at the peak, beyond the Grams themselves
  double sample_matrix_bytes = 0;
  std::vector<int64_t> feature_blocks;  ///< columns of the diagonal blocks of the feature Gram
  Solver solver = Cholesky{};
  /// Float64 numbers that tell the feature Gram: half of it, less where it repeats itself. 0: half of it.
  double feature_gram_numbers = 0;
  int64_t ranks = 1;   ///< that share the rows; costs are those of one rank
  int64_t layers = 1;  ///< that take their steps together: so many ranks at most work at what one does for all
  Rates rates;
};

/// Estimated cost of one route.
struct RouteCost {
  Route route = Route::gradient;
  bool possible = false;
  bool fits = true;     ///< within the memory limit
  Work work = {};       ///< of every rank, beyond the gradient that backpropagation computes anyway
  Work owned = {};      ///< of one rank for all of several: the factor of the feature Gram, and the solve
  double cost = 0;      ///< by the problem's rates, of `work` and a rank's share of all layers' `owned`
  double bytes = 0;     ///< extra memory at its peak
  double traffic = 0;   ///< bytes that a rank sends, the sum of the gradient included; 0 for one rank; part of `work`
  double relative = 0;  ///< cost / cost of forward and backward: twice phi, and phi*
};

/// The chosen route, and why.
struct Plan {
  Route route = Route::gradient;
  std::vector<RouteCost> candidates;
  std::string reason;  ///< one sentence, e.g. "S = 500 < d = 3073: sample Gram, 9.5 % of forward and backward"
};

/// Throws c10::Error where `options` asks for a route that the transfer cannot go.
/// On the CPU `memory_limit` 0 becomes half of the machine's memory, and the rates are those in use; on other devices
/// they are the default ones.
PROXPROP_API Problem
describe(const LinearTransfer& transfer, const ProximalOptions& options, at::Device device = at::kCPU);

/// Which rank does what one does for all, over the layers of a network: each layer's work goes to the rank that has the
/// least so far, in the order in which backward reaches the layers, which is the same on all ranks. The busiest one
/// then has less than twice what it would have at best (Graham 1966).
class PROXPROP_API Owners {
 public:
  explicit Owners(int64_t ranks) : loads_(size_t(ranks), 0.0) {}
  /// The rank that takes on work of this cost: of those that have the least the first.
  int64_t assign(double cost);
  /// What the rank that has the most has.
  double largest() const;

 private:
  std::vector<double> loads_;
};

/// The problem of a rank, of which there are `ranks` with `rows` rows in all: what it does and sends when all take one
/// step together. `own` is its problem alone.
PROXPROP_API Problem shared(Problem own, int64_t ranks, int64_t rows);

/// Picks the cheapest possible route that fits the memory limit, or the one that needs the least where none fits.
/// `Cholesky` goes by a Gram where there is one: conjugate gradients to convergence are only as accurate as the
/// condition number lets them be. Deterministic in its arguments. Beside `RouteCost::bytes` steps keep scratch memory
/// for one another, at most 256 MiB per process.
PROXPROP_API Plan plan(const Problem& problem);

}  // namespace proxprop
