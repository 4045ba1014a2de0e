#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>

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
  double apply_flops = 0;
  double sample_gram_flops = 0;
  double feature_gram_flops = 0;
  double sample_matrix_bytes = 0;
  Solver solver = Cholesky{};
  int64_t ranks = 1;  ///< that share the rows; costs are those of one rank
};

/// Estimated cost of one route.
struct RouteCost {
  Route route = Route::gradient;
  bool possible = false;
  bool fits = true;     ///< within the memory limit
  double flops = 0;     ///< beyond the gradient that backpropagation computes anyway
  double bytes = 0;     ///< extra memory at its peak
  double traffic = 0;   ///< bytes that a rank sends, the sum of the gradient included; 0 for one rank
  double relative = 0;  ///< flops / flops of forward and backward, three times `apply_flops`
};

/// The chosen route, and why.
struct Plan {
  Route route = Route::gradient;
  std::vector<RouteCost> candidates;
  std::string reason;  ///< one sentence, e.g. "S = 500 < d = 3073: sample Gram, 9.5 % of forward and backward"
};

/// Throws c10::Error where `options` asks for a route that the transfer cannot go.
/// On the CPU `memory_limit` 0 becomes half of the machine's memory.
PROXPROP_API Problem
describe(const LinearTransfer& transfer, const ProximalOptions& options, at::Device device = at::kCPU);

/// Picks the cheapest possible route that fits the memory limit, or the one that needs the least where none fits.
/// `Cholesky` goes by a Gram where there is one: conjugate gradients to convergence are only as accurate as the
/// condition number lets them be. Deterministic in its arguments.
PROXPROP_API Plan plan(const Problem& problem);

}  // namespace proxprop
