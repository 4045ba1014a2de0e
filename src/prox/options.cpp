#include <proxprop/prox/options.h>

#include <c10/util/Exception.h>

#include <cmath>

namespace proxprop {

namespace {

struct SolverName {
  std::string operator()(const Cholesky&) const { return "exact"; }
  std::string operator()(const ConjugateGradient& cg) const { return "cg" + std::to_string(cg.iterations); }
  std::string operator()(const Gradient&) const { return "gradient"; }
  std::string operator()(const AmortizedCholesky&) const { return "amortized"; }
  std::string operator()(const RunningGram&) const { return "running Gram"; }
};

}  // namespace

std::string to_string(const Solver& solver) {
  return std::visit(SolverName{}, solver);
}

std::string to_string(Route route) {
  switch (route) {
    case Route::sample_gram: return "sample Gram";
    case Route::feature_gram: return "feature Gram";
    case Route::matrix_free: return "matrix-free";
    case Route::gradient: return "gradient";
  }
  TORCH_INTERNAL_ASSERT(false, "unknown route");
}

namespace {

struct CheckSolver {
  void operator()(const Cholesky&) const {}
  void operator()(const Gradient&) const {}
  void operator()(const ConjugateGradient& cg) const {
    TORCH_CHECK(cg.iterations >= 1, "proxprop: ConjugateGradient needs at least 1 iteration, got ", cg.iterations);
    TORCH_CHECK(
        std::isfinite(cg.tolerance) && cg.tolerance >= 0,
        "proxprop: ConjugateGradient tolerance must be non-negative and finite, got ", cg.tolerance);
  }
  void operator()(const AmortizedCholesky& solver) const {
    TORCH_CHECK(
        solver.tolerance > 0 && solver.tolerance < 1, "proxprop: AmortizedCholesky tolerance must lie in (0, 1), got ",
        solver.tolerance);
    TORCH_CHECK(
        solver.update_every >= 1 && solver.max_iterations >= 1,
        "proxprop: AmortizedCholesky needs update_every and max_iterations of at least 1, got ", solver.update_every,
        " and ", solver.max_iterations);
  }
  void operator()(const RunningGram& solver) const {
    TORCH_CHECK(
        solver.decay >= 0 && solver.decay < 1, "proxprop: RunningGram decay must lie in [0, 1), got ", solver.decay);
    TORCH_CHECK(
        solver.update_every >= 1, "proxprop: RunningGram needs update_every of at least 1, got ", solver.update_every);
    TORCH_CHECK(
        solver.average_steps >= 1 && solver.average_steps <= solver.update_every,
        "proxprop: RunningGram needs average_steps from 1 to update_every = ", solver.update_every, ", got ",
        solver.average_steps);
  }
};

}  // namespace

void check(const ProximalOptions& options) {
  TORCH_CHECK(
      std::isfinite(options.tau_theta) && options.tau_theta > 0,
      "proxprop: tau_theta must be positive and finite, got ", options.tau_theta);
  TORCH_CHECK(options.memory_limit >= 0, "proxprop: memory_limit must not be negative, got ", options.memory_limit);
  std::visit(CheckSolver{}, options.solver);
}

}  // namespace proxprop
