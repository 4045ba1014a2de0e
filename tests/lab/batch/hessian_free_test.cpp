// Truncated conjugate gradients and the Hessian-free step, on functions whose answers are known.

#include "lab/batch/hessian_free.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::batch {
namespace {

double length_of(const at::Tensor& x) {
  return x.norm().item<double>();
}

// 1/2 |A x - b|^2, strictly convex.
struct LeastSquares {
  explicit LeastSquares(int64_t n = 12) {
    torch::manual_seed(1);
    a = torch::randn({3 * n, n}, torch::kDouble);
    b = torch::randn({3 * n}, torch::kDouble);
    solution = at::linalg_solve(at::mm(a.t(), a), at::mv(a.t(), b));
  }
  double value(const at::Tensor& x) const { return (at::mv(a, x) - b).square().sum().item<double>() / 2; }
  LocalModel around(const at::Tensor& x) const {
    LocalModel model;
    model.gradient = at::mv(a.t(), at::mv(a, x) - b);
    model.curvature = [this](const at::Tensor& v) { return at::mv(a.t(), at::mv(a, v)); };
    model.mean_squares = a.square().sum(0);  // the diagonal of A^T A
    model.value = value(x);
    model.at = [this, x](const at::Tensor& step) { return value(x + step); };
    return model;
  }
  at::Tensor a, b, solution;
};

TruncatedCg solve(const LeastSquares& problem, const TruncatedCgOptions& options) {
  const LocalModel model = problem.around(torch::zeros({problem.a.size(1)}, torch::kDouble));
  return truncated_cg(model.curvature, -model.gradient, torch::zeros_like(model.gradient), options);
}

TEST(TruncatedCg, SolvesInAsManyIterationsAsUnknownsAndTheModelFallsOnTheWay) {
  const LeastSquares problem;
  const TruncatedCg cg = solve(problem, {12, 0});
  EXPECT_EQ(cg.iterations, 12);
  EXPECT_LE(length_of(cg.iterates.back().x - problem.solution), 1e-10 * length_of(problem.solution));
  for (size_t i = 1; i < cg.iterates.size(); ++i)
    EXPECT_LT(cg.iterates[i].model, cg.iterates[i - 1].model);
}

TEST(TruncatedCg, ReportsTheModelAtItsIterates) {
  const LeastSquares problem;
  const LocalModel model = problem.around(torch::zeros({12}, torch::kDouble));
  const TruncatedCg cg = truncated_cg(model.curvature, -model.gradient, torch::randn({12}, torch::kDouble), {7, 0});
  for (const CgIterate& iterate : cg.iterates)
    EXPECT_NEAR(iterate.model, problem.value(iterate.x) - model.value, 1e-11 * model.value);
}

TEST(TruncatedCg, KeepsIteratesAtPowers) {
  // ceil(1.3^j): 1, 2, 3, 4, 5, 7, 9, 11, 14; the last is kept in any case
  EXPECT_EQ(solve(LeastSquares(30), {13, 0}).iterates.size(), 9u);
  EXPECT_EQ(solve(LeastSquares(30), {12, 0}).iterates.size(), 9u);
  EXPECT_EQ(solve(LeastSquares(30), {11, 0}).iterates.size(), 8u);
}

TEST(TruncatedCg, StopsWhereTheProgressOfTheLastTenIsBelowTheTolerance) {
  const LeastSquares problem(60);
  const TruncatedCg all = solve(problem, {30, 0, 1.01});  // keeps every iterate
  ASSERT_EQ(all.iterates.size(), 30u);
  const double epsilon = 1e-3;
  int64_t expected = 11;  // the first i > k = 10 with phi(i - k) close to phi(i); phi(0) = 0
  while ((all.iterates[expected - 1].model - all.iterates[expected - 11].model) / all.iterates[expected - 1].model >=
         10 * epsilon)
    ++expected;
  ASSERT_LT(expected, 30);
  EXPECT_EQ(solve(problem, {60, epsilon}).iterations, expected);
}

TEST(TruncatedCg, StaysWhereTheStartSolves) {
  const LeastSquares problem;
  const LocalModel model = problem.around(torch::zeros({12}, torch::kDouble));
  const at::Tensor zero = torch::zeros({12}, torch::kDouble);
  const TruncatedCg cg = truncated_cg(model.curvature, zero, zero, {});
  EXPECT_EQ(cg.iterations, 0);
  EXPECT_TRUE(at::equal(cg.iterates.back().x, zero));
}

// In the variables M^1/2 x it is the plain method on M^-1/2 B M^-1/2.
TEST(TruncatedCg, IsPreconditionedByADiagonal) {
  const LeastSquares problem;
  const at::Tensor m = torch::rand({12}, torch::kDouble) + 0.1, root = m.sqrt();
  const at::Tensor right = torch::randn({12}, torch::kDouble), start = torch::randn({12}, torch::kDouble);
  const auto b = [&](const at::Tensor& v) { return at::mv(problem.a.t(), at::mv(problem.a, v)); };
  const TruncatedCg plain =
      truncated_cg([&](const at::Tensor& v) { return b(v / root) / root; }, right / root, start * root, {8, 0});
  const TruncatedCg preconditioned = truncated_cg(b, right, start, {8, 0}, m);
  ASSERT_EQ(preconditioned.iterates.size(), plain.iterates.size());
  for (size_t i = 0; i < plain.iterates.size(); ++i) {
    const at::Tensor expected = plain.iterates[i].x / root;
    EXPECT_LE(length_of(preconditioned.iterates[i].x - expected), 1e-9 * length_of(expected)) << i;
    EXPECT_NEAR(preconditioned.iterates[i].model, plain.iterates[i].model, 1e-9 * std::abs(plain.iterates[i].model));
  }
}

TEST(TruncatedCg, TakesOneIterationWhereThePreconditionerIsTheMatrix) {
  const at::Tensor diagonal = at::pow(10, torch::linspace(-6, 6, 30, torch::kDouble));
  const at::Tensor right = torch::ones({30}, torch::kDouble);
  const TruncatedCg cg = truncated_cg(
      [&](const at::Tensor& v) { return diagonal * v; }, right, torch::zeros_like(right), {1, 0}, diagonal);
  EXPECT_LE(length_of(cg.iterates.back().x * diagonal - right), 1e-12);
}

TEST(HessianFree, ThePreconditionerIsAPowerOfTheDampedMeanSquares) {
  const LeastSquares problem;
  LocalModel model = problem.around(torch::randn({12}, torch::kDouble));
  model.mean_squares = torch::rand({12}, torch::kDouble);
  HessianFreeOptions options;
  options.cg.iterations = 1;
  options.alpha = 0.75;
  HessianFreeState state;
  state.lambda = 0.2;
  const at::Tensor p = hessian_free_step(model, options, state).step;
  const at::Tensor expected = -model.gradient / (model.mean_squares + 0.2).pow(0.75);  // times a number
  EXPECT_LE(length_of(p / length_of(p) - expected / length_of(expected)), 1e-12);
}

TEST(HessianFree, ReachesTheLeastSquaresSolutionInOneStepWithoutDamping) {
  const LeastSquares problem;
  const at::Tensor x = torch::randn({12}, torch::kDouble);
  HessianFreeOptions options;
  options.cg.epsilon = 0;
  for (const double lambda : {1e-3, 1e-6, 1e-12}) {
    HessianFreeState state;
    state.lambda = lambda;
    const HessianFreeStep step = hessian_free_step(problem.around(x), options, state);
    EXPECT_EQ(step.step_size, 1);
    // (A^T A + lambda I) p = -g misses the solution by lambda (A^T A + lambda I)^-1 (solution - x).
    const double curvature = std::get<0>(at::linalg_eigh(at::mm(problem.a.t(), problem.a)))[0].item<double>();
    EXPECT_LE(
        length_of(x + step.step - problem.solution), (lambda / curvature + 1e-12) * length_of(problem.solution - x));
    EXPECT_NEAR(step.rho, 1, lambda / curvature + 1e-9);
  }
}

TEST(HessianFree, DampingFallsWhereTheModelIsTrustedAndGrowsWhereItIsNot) {
  const LeastSquares problem;
  const at::Tensor x = torch::randn({12}, torch::kDouble);
  HessianFreeState state;
  state.lambda = 0.3;
  hessian_free_step(problem.around(x), {}, state);
  EXPECT_DOUBLE_EQ(state.lambda, 0.3 / 1.5);

  // f curves ten times as much as the model says: the step goes ten times too far.
  LocalModel wrong = problem.around(x);
  wrong.curvature = [&](const at::Tensor& v) { return at::mv(problem.a.t(), at::mv(problem.a, v)) / 10; };
  state = {};
  state.lambda = 1e-3;
  const HessianFreeStep step = hessian_free_step(wrong, {}, state);
  EXPECT_LT(step.rho, 0.25);
  EXPECT_DOUBLE_EQ(state.lambda, 1.5e-3);
  EXPECT_GT(step.step_size, 0);  // and the line search shortens it
  EXPECT_LT(step.step_size, 0.5);
  EXPECT_LT(problem.value(x + step.step), problem.value(x));
}

TEST(HessianFree, GoesBackToTheIterateWhereTheFunctionIsLowest) {
  const LeastSquares problem(40);
  const at::Tensor x = torch::zeros({40}, torch::kDouble);
  HessianFreeOptions options;
  options.cg = {16, 0, 1.3};
  LocalModel model = problem.around(x);
  const TruncatedCg cg =
      truncated_cg([&](const at::Tensor& v) { return model.curvature(v) + v; }, -model.gradient, x, options.cg);
  // A wall that later iterates are behind: they are longer.
  const size_t wanted = cg.iterates.size() / 2;
  const double wall = length_of(cg.iterates[wanted].x);
  model.at = [&](const at::Tensor& step) {
    const double beyond = std::max(length_of(step) - wall * (1 + 1e-12), 0.0);
    return problem.value(step) + 1e6 * beyond;
  };
  HessianFreeState state;
  const HessianFreeStep step = hessian_free_step(model, options, state);
  EXPECT_LE(length_of(step.step - cg.iterates[wanted].x), 1e-12 * wall);
  EXPECT_EQ(step.values, static_cast<int64_t>(cg.iterates.size() - wanted) + 1);
  EXPECT_LE(length_of(state.solution - cg.iterates.back().x), 1e-12 * wall);  // the next step starts from the last
}

TEST(HessianFree, TakesNoStepWhereNothingDecreasesTheFunction) {
  const LeastSquares problem;
  const at::Tensor x = torch::zeros({12}, torch::kDouble);
  LocalModel model = problem.around(x);
  model.at = [&](const at::Tensor&) { return std::nan(""); };
  HessianFreeState state;
  const HessianFreeStep step = hessian_free_step(model, {}, state);
  EXPECT_EQ(step.step_size, 0);
  EXPECT_EQ(length_of(step.step), 0);
  EXPECT_DOUBLE_EQ(state.lambda, 1.5);
}

TEST(HessianFree, StartsFromTheLastSolutionTimesZeta) {
  const LeastSquares problem;
  const at::Tensor x = torch::zeros({12}, torch::kDouble);
  HessianFreeOptions options;
  options.cg.iterations = 1;
  options.zeta = 0.5;
  HessianFreeState state;
  state.solution =
      2 * at::linalg_solve(
              at::mm(problem.a.t(), problem.a) + at::eye(12, torch::kDouble), at::mv(problem.a.t(), problem.b));
  const HessianFreeStep step = hessian_free_step(problem.around(x), options, state);  // zeta times it is the solution
  EXPECT_LE(step.cg_iterations, 1);
  EXPECT_LE(length_of(step.step - state.solution), 1e-9 * length_of(state.solution));
}

}  // namespace
}  // namespace proxprop::batch
