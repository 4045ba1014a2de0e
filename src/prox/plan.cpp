#include <proxprop/prox/plan.h>

#include <c10/util/Exception.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace proxprop {

namespace {

// One float64 operation costs about two float32 ones on the machines that we know.
constexpr double float64_weight = 2.0;
// Iterations that a matrix-free solve to working accuracy is charged with; what it takes depends on the condition
// number.
constexpr double iterations_to_convergence = 100;

// Float32 operations that take as long as a byte on the wire between ranks: 250 GFLOP/s against 5 GB/s.
constexpr double operations_per_byte = 50;

struct Sizes {
  double rows, columns, outputs, groups;  ///< outputs per group
  explicit Sizes(const Dimensions& d)
      : rows(double(d.rows)),
        columns(double(d.columns)),
        outputs(double(d.outputs) / double(d.groups)),
        groups(double(d.groups)) {}
};

double factor_flops(double n) {
  return float64_weight * n * n * n / 3;
}

// Bytes that one of `ranks` sends for a tensor of `bytes` that all get from all, or that is summed over all.
double gathered(const Problem& problem, double bytes) {
  return bytes * double(problem.ranks - 1) / double(problem.ranks);
}
double reduced(const Problem& problem, double bytes) {
  return 2 * gathered(problem, bytes);
}

RouteCost sample_cost(const Problem& problem, const Sizes& s) {
  RouteCost cost{Route::sample_gram, problem.has_sample_matrix};
  double solve = 0;
  if (const auto* cg = std::get_if<ConjugateGradient>(&problem.solver)) {
    solve = double(cg->iterations) * 2 * s.rows * s.rows * s.outputs;
  } else {
    // Factor, then inverse (twice the factor) and a float32 product with the smaller side, or float64 solves.
    const auto product = 2 * s.rows * s.rows * std::min(s.columns, s.outputs);
    solve = factor_flops(s.rows) +
            std::min(2 * factor_flops(s.rows) + product / double(problem.ranks), float64_weight * product);
  }
  cost.flops = problem.sample_gram_flops + s.groups * solve;
  cost.bytes =
      problem.sample_matrix_bytes + s.groups * (3 * 8 * s.rows * s.rows + 4 * s.rows * std::min(s.columns, s.outputs));
  cost.traffic = gathered(problem, s.groups * (4 * s.rows * (s.columns + s.outputs) + 8 * s.rows * s.rows)) +
                 reduced(problem, 4 * s.groups * s.columns * s.outputs);
  return cost;
}

RouteCost feature_cost(const Problem& problem, const Sizes& s) {
  RouteCost cost{Route::feature_gram, problem.has_feature_gram};
  double solve = 0;
  double updates = 1;  // of the Gram, per step
  double gram = problem.feature_gram_flops;
  if (const auto* cg = std::get_if<ConjugateGradient>(&problem.solver)) {
    solve = float64_weight * double(cg->iterations) * 2 * s.columns * s.columns * s.outputs;
  } else if (const auto* running = std::get_if<RunningGram>(&problem.solver)) {
    updates = 1.0 / double(running->update_every);
    solve = updates * 3 * factor_flops(s.columns) + 2 * s.columns * s.columns * s.outputs;
    gram *= updates;
  } else {
    const auto product = float64_weight * 2 * s.columns * s.columns * s.outputs;
    solve = factor_flops(s.columns) + product;
  }
  cost.flops = gram + s.groups * solve;
  cost.bytes = s.groups * 8 * (3 * s.columns * s.columns + 2 * s.columns * s.outputs);
  cost.traffic = reduced(problem, 8 * s.groups * (updates * s.columns * s.columns / 2 + s.columns * s.outputs));
  return cost;
}

RouteCost matrix_free_cost(const Problem& problem, const Sizes* s) {
  RouteCost cost{Route::matrix_free, true};
  if (s == nullptr) {
    return cost;
  }
  const auto* cg = std::get_if<ConjugateGradient>(&problem.solver);
  const auto iterations = cg != nullptr ? double(cg->iterations) : iterations_to_convergence;
  cost.flops = problem.apply_flops * (2 * iterations - 1);
  cost.bytes = 4 * (3 * s->columns * s->outputs * s->groups + s->rows * s->outputs * s->groups);
  cost.traffic = reduced(problem, 4 * s->groups * s->columns * s->outputs * iterations);
  return cost;
}

// Whether `a` is to be preferred to `b`.
bool better(const RouteCost& a, const RouteCost& b, bool exact) {
  if (a.fits != b.fits) {
    return a.fits;
  }
  if (!a.fits) {
    return a.bytes < b.bytes;
  }
  if (exact && (a.route == Route::matrix_free) != (b.route == Route::matrix_free)) {
    return b.route == Route::matrix_free;
  }
  return a.flops + operations_per_byte * a.traffic < b.flops + operations_per_byte * b.traffic;
}

std::string explain(const Problem& problem, const RouteCost& chosen) {
  if (!problem.dimensions) {
    return "a linear map known by phi and phi* only: " + to_string(chosen.route);
  }
  char text[200];
  const auto& d = *problem.dimensions;
  std::snprintf(
      text, sizeof(text), "S = %lld %s d = %lld: %s, %.3g %% of the operations of forward and backward",
      static_cast<long long>(d.rows), d.rows < d.columns ? "<" : ">=", static_cast<long long>(d.columns),
      to_string(chosen.route).c_str(), 100 * chosen.relative);
  return text;
}

// Half of this machine's memory, 0 where that is not known.
int64_t half_of_memory() {
  static const int64_t half = [] {
    const auto pages = sysconf(_SC_PHYS_PAGES);
    const auto page = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && page > 0 ? int64_t(pages) / 2 * int64_t(page) : 0;
  }();
  return half;
}

}  // namespace

Problem describe(const LinearTransfer& transfer, const ProximalOptions& options, at::Device device) {
  Problem problem;
  problem.dimensions = transfer.dimensions();
  problem.has_sample_matrix = problem.dimensions && transfer.has_sample_matrix();
  problem.has_feature_gram = problem.dimensions && transfer.has_feature_gram();
  problem.apply_flops = transfer.apply_flops();
  problem.sample_gram_flops = problem.has_sample_matrix ? transfer.sample_gram_flops() : 0;
  problem.feature_gram_flops = problem.has_feature_gram ? transfer.feature_gram_flops() : 0;
  problem.sample_matrix_bytes = problem.has_sample_matrix ? transfer.sample_matrix_bytes() : 0;
  problem.solver = options.solver;
  problem.route = options.route;
  problem.memory_limit = double(options.memory_limit == 0 && device.is_cpu() ? half_of_memory() : options.memory_limit);
  TORCH_CHECK(
      problem.route != Route::sample_gram || problem.has_sample_matrix,
      "proxprop: this transfer offers no sample matrix, so route 'sample Gram' is impossible; use 'matrix-free'");
  TORCH_CHECK(
      problem.route != Route::feature_gram || problem.has_feature_gram,
      "proxprop: this transfer offers no feature Gram, so route 'feature Gram' is impossible; use 'matrix-free'");
  if (std::holds_alternative<RunningGram>(problem.solver)) {
    TORCH_CHECK(
        problem.has_feature_gram && problem.route.value_or(Route::feature_gram) == Route::feature_gram,
        "proxprop: solver 'running Gram' needs a transfer with a feature Gram, and goes no other route");
    problem.route = Route::feature_gram;
  }
  return problem;
}

Plan plan(const Problem& problem) {
  Plan result;
  if (std::holds_alternative<Gradient>(problem.solver)) {
    result.route = Route::gradient;
    result.reason = "no proximal step";
    return result;
  }
  if (problem.dimensions) {
    const Sizes sizes(*problem.dimensions);
    result.candidates = {sample_cost(problem, sizes), feature_cost(problem, sizes), matrix_free_cost(problem, &sizes)};
    for (auto& candidate : result.candidates) {
      candidate.relative = candidate.flops / std::max(1.0, 3 * problem.apply_flops);
    }
  } else {
    result.candidates = {matrix_free_cost(problem, nullptr)};
  }
  const bool exact = is_exact(problem.solver);
  const RouteCost* best = nullptr;
  for (auto& candidate : result.candidates) {
    candidate.fits = problem.memory_limit <= 0 || candidate.bytes <= problem.memory_limit;
    const bool chosen = problem.route ? candidate.route == *problem.route
                                      : candidate.possible && (best == nullptr || better(candidate, *best, exact));
    if (chosen) {
      best = &candidate;
    }
  }
  if (best == nullptr) {  // the route asked for is no proximal one
    result.route = *problem.route;
    result.reason = to_string(result.route) + ", as asked for";
    return result;
  }
  result.route = best->route;
  result.reason = explain(problem, *best) + (problem.route ? ", as asked for" : "");
  return result;
}

}  // namespace proxprop
