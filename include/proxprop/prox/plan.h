#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>

#include <string>
#include <vector>

namespace proxprop {

/// What the planner knows of a problem: sizes, what the transfer offers, what is asked for.
struct Problem {
  std::optional<Dimensions> dimensions;
  bool has_sample_matrix = false;
  bool has_feature_gram = false;
  double feature_gram_flops = 0;
  Solver solver = Cholesky{};
};

/// Estimated cost of one route.
struct RouteCost {
  Route route = Route::gradient;
  bool possible = false;
  double flops = 0;     ///< beyond the gradient that backpropagation computes anyway
  double bytes = 0;     ///< extra memory at its peak
  double relative = 0;  ///< flops / flops of forward and backward (6 S d O)
};

/// The chosen route, and why.
struct Plan {
  Route route = Route::gradient;
  std::vector<RouteCost> candidates;
  std::string reason;  ///< one sentence, e.g. "S = 500 < d = 3073: sample Gram, 9.5 % of forward and backward"
};

PROXPROP_API Problem describe(const LinearTransfer& transfer, const Solver& solver);

/// Picks the cheapest possible route. Deterministic in its arguments.
PROXPROP_API Plan plan(const Problem& problem);

}  // namespace proxprop
