#include "torch_library/step_arguments.h"

#include <c10/util/Exception.h>

#include <array>
#include <cmath>

namespace proxprop::torch_library {

namespace {

using Numbers = c10::ArrayRef<double>;

Solver conjugate_gradient(Numbers numbers, Coupling default_coupling) {
  const bool whole = std::trunc(numbers[0]) == numbers[0] && std::abs(numbers[0]) < 1e9;
  TORCH_CHECK(whole, "proxprop: the number of iterations must be a whole number, got ", numbers[0]);
  ConjugateGradient solver{int64_t(numbers[0]), numbers[1], default_coupling};
  if (!std::isnan(numbers[2])) {
    solver.coupling = numbers[2] == 0 ? Coupling::per_output : Coupling::joint;
  }
  return solver;
}

struct SolverKind {
  std::string_view name;
  size_t arguments;
  Solver (*make)(Numbers numbers, Coupling default_coupling);
};

const std::array<SolverKind, 3> solver_kinds{{
    {"exact", 0, [](Numbers, Coupling) -> Solver { return Cholesky{}; }},
    {"cg", 3, conjugate_gradient},
    {"gradient", 0, [](Numbers, Coupling) -> Solver { return Gradient{}; }},
}};

Solver make_solver(std::string_view name, Numbers numbers, Coupling coupling) {
  for (const auto& kind : solver_kinds) {
    if (kind.name == name) {
      TORCH_CHECK(
          numbers.size() == kind.arguments, "proxprop: solver '", name, "' has ", kind.arguments, " arguments, got ",
          numbers.size());
      return kind.make(numbers, coupling);
    }
  }
  TORCH_CHECK(false, "proxprop: there is no solver '", name, "'");
}

Scaling make_scaling(std::string_view name) {
  TORCH_CHECK(name == "sum" || name == "mean", "proxprop: scaling must be 'sum' or 'mean', got '", name, "'");
  return name == "sum" ? Scaling::sum : Scaling::mean;
}

}  // namespace

ProximalOptions step_options(
    double tau_theta, std::string_view solver, Numbers solver_arguments, std::string_view scaling, Coupling coupling) {
  ProximalOptions options;
  options.tau_theta = tau_theta;
  options.solver = make_solver(solver, solver_arguments, coupling);
  options.scaling = make_scaling(scaling);
  check(options);
  return options;
}

}  // namespace proxprop::torch_library
