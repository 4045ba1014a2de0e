#include <proxprop/prox/plan.h>

#include "prox/eigenbasis.h"
#include "prox/packed_gram.h"
#include "prox/saved_gram.h"

#include <c10/util/Exception.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace proxprop {

namespace {

// Iterations that a matrix-free solve to working accuracy is charged with; what it takes depends on the condition
// number.
constexpr double iterations_to_convergence = 100;
// Passes over the vectors of an iteration of conjugate gradients.
constexpr double passes_of_iteration = 10;

struct Sizes {
  double rows, columns, outputs, groups;  ///< outputs per group
  explicit Sizes(const Dimensions& d)
      : rows(double(d.rows)),
        columns(double(d.columns)),
        outputs(double(d.outputs) / double(d.groups)),
        groups(double(d.groups)) {}
};

Work factor_work(double n) {
  Work work;
  work[Kernel::factor] = n * n * n / 3;
  work[Kernel::pivot] = n;
  return work;
}

// The inverse of what a factor is there for.
Work inverse_work(double n) {
  Work work;
  work[Kernel::factor] = 2 * n * n * n / 3;
  return work;
}

Work product_work(Kernel kernel, double rows, double depth, double columns) {
  Work work;
  work[kernel] = 2 * rows * depth * columns;
  return work;
}

Work memory_work(double bytes) {
  Work work;
  work[Kernel::memory] = bytes;
  return work;
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
  const auto smaller = std::min(s.columns, s.outputs), square = s.rows * s.rows;
  Work solve;
  double matrices = 0;  // bytes of what is S x S
  if (const auto* cg = std::get_if<ConjugateGradient>(&problem.solver)) {
    const auto iterations = double(cg->iterations);
    if (cg->coupling != Coupling::joint && eigenbasis_pays(s.rows, s.outputs, iterations)) {
      solve = eigenbasis_work(s.rows, s.outputs);
      matrices = (3 * 8 + 4) * square;
    } else {
      solve = sample_iterations_work(s.rows, s.outputs, iterations);
      matrices = (8 + 4) * square;
    }
    cost.bytes = s.groups * 4 * 7 * s.rows * s.outputs;
  } else {
    solve = factor_work(s.rows);
    if (3 * smaller < 2 * s.rows) {
      solve += product_work(Kernel::product64, s.rows, s.rows, smaller);
      matrices = 8 * square;
      cost.bytes = s.groups * (8 + 4 + 4) * s.rows * smaller;
    } else {
      solve += inverse_work(s.rows);
      solve += product_work(Kernel::product, s.rows / double(problem.ranks), s.rows, smaller);
      matrices = 4 * 8 * square;
      cost.bytes = s.groups * (4 + 4) * s.rows * smaller;
    }
  }
  solve += memory_work(3 * 8 * square);
  solve *= s.groups;
  cost.work = problem.sample_gram_work;
  cost.work += solve;
  cost.bytes += s.groups * matrices + problem.sample_gram_bytes + problem.sample_matrix_bytes;
  cost.traffic = gathered(problem, s.groups * (4 * s.rows * (s.columns + s.outputs) + 8 * square)) +
                 reduced(problem, 4 * s.groups * s.columns * s.outputs);
  return cost;
}

RouteCost feature_cost(const Problem& problem, const Sizes& s) {
  RouteCost cost{Route::feature_gram, problem.has_feature_gram};
  const auto square = s.columns * s.columns, vector = s.columns * s.outputs;
  auto gram = problem.feature_gram_work;
  gram += memory_work(s.groups * 3 * 8 * square);
  Work solve;
  double updates = 1, bytes_of_gradient = 8;  // of the Gram, per step; of a number that is summed
  double matrices = 8 * square, vectors = 5 * 8 * vector;
  if (const auto* cg = std::get_if<ConjugateGradient>(&problem.solver)) {
    const auto iterations = double(cg->iterations);
    solve = product_work(Kernel::product64, s.columns, s.columns, s.outputs);
    solve += memory_work(passes_of_iteration * 8 * vector);
    solve *= iterations;
    vectors = 8 * 8 * vector;
  } else if (const auto* running = std::get_if<RunningGram>(&problem.solver)) {
    updates = double(running->average_steps) / double(running->update_every);
    bytes_of_gradient = 4;
    gram *= updates;
    solve = factor_work(s.columns);
    solve += inverse_work(s.columns);
    solve *= 1.0 / double(running->update_every);
    solve += product_work(Kernel::product, s.columns, s.columns, s.outputs);
    matrices = (5 * 8 + 4) * square;
  } else {
    matrices = 0;
    for (const auto size : problem.feature_blocks) {
      const auto n = double(size);
      solve += factor_work(n);
      solve += product_work(Kernel::product64, n, n, s.outputs);
      matrices += 8 * (n + 1) * (n + 1);
    }
    const auto* amortized = std::get_if<AmortizedCholesky>(&problem.solver);
    if (amortized != nullptr && amortizing_pays(*problem.dimensions, problem.dimensions->rows, *amortized)) {
      matrices += 3 * 8 * square;
    }
  }
  solve *= s.groups;
  cost.work = gram;
  const auto numbers = problem.feature_gram_numbers > 0 ? problem.feature_gram_numbers : s.groups * square / 2;
  const auto message = 8 * updates * numbers + bytes_of_gradient * s.groups * vector;
  if (problem.ranks > 1 && solves_afresh(problem.solver, *problem.dimensions)) {
    cost.owned = solve;
    cost.traffic = gathered(problem, message + 4 * s.groups * vector);  // to the owner, and V to all
  } else {
    cost.work += solve;
    cost.traffic = reduced(problem, message);
  }
  // The gradient is summed in float64, in place of backpropagation's.
  auto gradient = problem.adjoint_work;
  gradient *= -1;
  gradient += problem.accurate_adjoint_work;
  cost.work += gradient;
  cost.bytes = s.groups * (matrices + vectors) + problem.feature_gram_bytes + (problem.ranks > 1 ? message : 0);
  return cost;
}

RouteCost matrix_free_cost(const Problem& problem, const Sizes* s) {
  RouteCost cost{Route::matrix_free, true};
  if (s == nullptr) {
    return cost;
  }
  const auto* cg = std::get_if<ConjugateGradient>(&problem.solver);
  const auto iterations = cg != nullptr ? double(cg->iterations) : iterations_to_convergence;
  auto first = problem.apply_work, others = problem.adjoint_work;
  first *= iterations;
  others *= iterations - 1;
  cost.work = first;
  cost.work += others;
  const auto vector = s->columns * s->outputs * s->groups, image = s->rows * s->outputs * s->groups;
  cost.work += memory_work(iterations * 4 * (passes_of_iteration * vector + 4 * image));
  cost.bytes = 4 * (8 * vector + 6 * image);
  cost.traffic = reduced(problem, 4 * vector * iterations);
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
  return a.cost < b.cost;
}

std::string explain(const Problem& problem, const RouteCost& chosen) {
  if (!problem.dimensions) {
    return "a linear map known by phi and phi* only: " + to_string(chosen.route);
  }
  char text[200];
  const auto& d = *problem.dimensions;
  std::snprintf(
      text, sizeof(text), "S = %lld %s d = %lld: %s, %.3g %% of the %s of forward and backward",
      static_cast<long long>(d.rows), d.rows < d.columns ? "<" : ">=", static_cast<long long>(d.columns),
      to_string(chosen.route).c_str(), 100 * chosen.relative, problem.rates.measured ? "time" : "operations");
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
  problem.apply_work = transfer.apply_work();
  problem.adjoint_work = transfer.adjoint_work();
  if (problem.has_sample_matrix) {
    problem.sample_gram_work = transfer.sample_gram_work();
    problem.sample_gram_bytes = transfer.sample_gram_bytes();
  }
  if (problem.has_feature_gram) {
    problem.accurate_adjoint_work = transfer.accurate_adjoint_work();
    problem.feature_gram_work = transfer.feature_gram_work();
    problem.feature_gram_bytes = transfer.feature_gram_bytes();
    problem.feature_blocks = transfer.feature_block_sizes();
    problem.feature_gram_numbers = double(PackedGram(*problem.dimensions, transfer.feature_gram_repeats()).numbers());
  }
  problem.rates = device.is_cpu() ? rates_in_use() : Rates{};
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

Problem shared(Problem own, int64_t ranks, int64_t rows) {
  own.ranks = ranks;
  if (own.dimensions) {
    const auto count = double(ranks), all = double(rows);
    own.dimensions->rows = rows;
    own.sample_matrix_bytes *= count;
    // Each rank computes its rows of K in full, not half of K; factors are of the whole Gram.
    own.sample_gram_work = product_work(Kernel::product64, all / count, double(own.dimensions->columns), all);
    own.sample_gram_work *= double(own.dimensions->groups);
    own.feature_blocks = {own.dimensions->columns};
  }
  return own;
}

int64_t Owners::assign(double cost) {
  const auto least = std::min_element(loads_.begin(), loads_.end());
  *least += cost;
  return least - loads_.begin();
}

double Owners::largest() const {
  return *std::max_element(loads_.begin(), loads_.end());
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
    const auto& rates = problem.rates;
    const auto plain = 2 * rates.of(problem.apply_work) + rates.of(problem.adjoint_work);
    for (auto& candidate : result.candidates) {
      candidate.work[Kernel::wire] = candidate.traffic;
      candidate.cost =
          rates.of(candidate.work) + rates.of(candidate.owned) / double(std::min(problem.ranks, problem.layers));
      candidate.relative = plain > 0 ? candidate.cost / plain : 0;
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
