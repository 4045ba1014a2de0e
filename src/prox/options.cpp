#include <proxprop/prox/options.h>

#include <c10/util/Exception.h>

#include <cmath>

namespace proxprop {

namespace {

struct SolverName {
  std::string operator()(const Cholesky&) const { return "exact"; }
  std::string operator()(const ConjugateGradient& cg) const { return "cg" + std::to_string(cg.iterations); }
  std::string operator()(const Gradient&) const { return "gradient"; }
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

void check(const ProximalOptions& options) {
  TORCH_CHECK(
      std::isfinite(options.tau_theta) && options.tau_theta > 0,
      "proxprop: tau_theta must be positive and finite, got ", options.tau_theta);
  TORCH_CHECK(options.memory_limit >= 0, "proxprop: memory_limit must not be negative, got ", options.memory_limit);
  if (const auto* cg = std::get_if<ConjugateGradient>(&options.solver)) {
    TORCH_CHECK(cg->iterations >= 1, "proxprop: ConjugateGradient needs at least 1 iteration, got ", cg->iterations);
    TORCH_CHECK(
        std::isfinite(cg->tolerance) && cg->tolerance >= 0,
        "proxprop: ConjugateGradient tolerance must be non-negative and finite, got ", cg->tolerance);
  }
}

}  // namespace proxprop
