#include "lab/verify/verify.h"

namespace proxprop::verify {
namespace {

using Check = std::vector<Row> (*)(const Problem&, const DirectionRule&);

std::function<std::vector<Row>(const Problem&)> of_the_library(Check check) {
  return [check](const Problem& problem) { return check(problem, proximal_direction); };
}

}  // namespace

const std::vector<Proposition>& propositions() {
  static const std::vector<Proposition> all = {
      {"2", "the step is the gradient times (I / tau_theta + phi* phi)^-1", of_the_library(check_proposition_2)},
      {"3", "fixed points are stationary points", of_the_library(check_proposition_3)},
      {"4", "the step descends, at an angle bounded away from a right one", of_the_library(check_proposition_4)},
      {"5", "so does every conjugate gradient iterate", of_the_library(check_proposition_5)},
      {"stochastic", "diminishing steps on batches converge", of_the_library(check_stochastic_convergence)},
      {"stability", "implicit steps decrease for every step size", of_the_library(check_stability)},
  };
  return all;
}

}  // namespace proxprop::verify
