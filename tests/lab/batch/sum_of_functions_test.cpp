// The Sum of Functions Optimizer: its BFGS matrices on quadratics, and sums whose minimum is known.

#include "lab/batch/sum_of_functions.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::batch {
namespace {

double length_of(const at::Tensor& x) {
  return x.norm().item<double>();
}

at::Tensor positive_definite(int64_t n) {
  const at::Tensor root = torch::randn({2 * n, n}, torch::kDouble);
  return at::mm(root.t(), root) / n;
}

at::Tensor dense(const BfgsMatrix& h, int64_t n) {
  at::Tensor matrix = torch::zeros({n, n}, torch::kDouble);
  h.add_to(matrix);
  return matrix;
}

// Pairs along the eigenvectors are conjugate, and BFGS then keeps every secant equation.
TEST(BfgsMatrix, OfConjugatePairsOfAQuadraticIsItsHessian) {
  torch::manual_seed(1);
  const at::Tensor a = positive_definite(6);
  const auto [values, vectors] = at::linalg_eigh(a);
  std::deque<SecantPair> pairs;
  for (int64_t i = 0; i < 6; ++i)
    pairs.push_back({vectors.select(1, i) * (i + 1), at::mv(a, vectors.select(1, i)) * (i + 1)});
  const BfgsMatrix h = BfgsMatrix::of(pairs, 99);
  EXPECT_NEAR(h.beta(), values[0].item<double>(), 1e-12);
  EXPECT_LE(length_of(dense(h, 6) - a), 1e-12 * length_of(a));
}

TEST(BfgsMatrix, MeetsTheLastSecantEquationAndIsPositiveDefinite) {
  torch::manual_seed(2);
  const at::Tensor a = positive_definite(6);
  std::deque<SecantPair> pairs;
  for (int i = 0; i < 4; ++i) {
    const at::Tensor dx = torch::randn({6}, torch::kDouble);
    pairs.push_back({dx, at::mv(a, dx)});
    const BfgsMatrix h = BfgsMatrix::of(pairs, 99);
    EXPECT_LE(length_of(h.times(dx) - pairs.back().df), 1e-12 * length_of(pairs.back().df));
    EXPECT_GT(at::linalg_eigvalsh(dense(h, 6)).min().item<double>(), 0);
  }
}

// The symmetric solution of the secant equations, restricted to their span, is the Hessian's own restriction.
TEST(BfgsMatrix, StartsFromTheSmallestCurvatureInTheSpanOfItsPairs) {
  torch::manual_seed(3);
  const at::Tensor a = positive_definite(6);
  const at::Tensor dx = torch::randn({6, 3}, torch::kDouble);
  std::deque<SecantPair> pairs;
  for (int64_t i = 0; i < 3; ++i)
    pairs.push_back({dx.select(1, i), at::mv(a, dx.select(1, i))});
  const at::Tensor q = std::get<0>(at::linalg_qr(dx));
  const double expected = at::linalg_eigvalsh(at::linalg_multi_dot({q.t(), a, q})).min().item<double>();
  EXPECT_NEAR(BfgsMatrix::of(pairs, 99).beta(), expected, 1e-11);
}

TEST(BfgsMatrix, LeavesOutPairsOfNegativeCurvature) {
  const at::Tensor dx = torch::ones({3}, torch::kDouble);
  const BfgsMatrix h = BfgsMatrix::of({{dx, -dx}}, 7);
  EXPECT_TRUE(at::equal(dense(h, 3), 7 * at::eye(3, torch::kDouble)));
}

TEST(BfgsMatrix, FollowsItsCoordinates) {
  torch::manual_seed(4);
  const at::Tensor dx = torch::randn({3}, torch::kDouble);
  BfgsMatrix h = BfgsMatrix::of({{dx, 2 * dx}}, 7);
  const at::Tensor wide = dense(h, 5);  // two coordinates more
  EXPECT_LE(length_of(h.times(padded(dx, 5)) - 2 * padded(dx, 5)), 1e-13);
  const at::Tensor q = std::get<0>(at::linalg_qr(torch::randn({5, 5}, torch::kDouble)));
  h.project(q);
  EXPECT_LE(length_of(dense(h, 5) - at::linalg_multi_dot({q.t(), wide, q})), 1e-12);
}

// f_i(x) = (x - c_i)^T A_i (x - c_i) / 2
struct Quadratics {
  Quadratics(int64_t count, int64_t n) {
    torch::manual_seed(5);
    at::Tensor sum = torch::zeros({n, n}, torch::kDouble), right = torch::zeros({n}, torch::kDouble);
    for (int64_t i = 0; i < count; ++i) {
      a.push_back(positive_definite(n));
      c.push_back(torch::randn({n}, torch::kDouble));
      sum += a.back();
      right += at::mv(a.back(), c.back());
    }
    minimum = at::linalg_solve(sum, right);
  }
  double value(int64_t i, const at::Tensor& x) const { return at::dot(x - c[i], gradient(i, x)).item<double>() / 2; }
  at::Tensor gradient(int64_t i, const at::Tensor& x) const { return at::mv(a[i], x - c[i]); }
  std::vector<at::Tensor> a, c;
  at::Tensor minimum;
};

void run(SumOfFunctions& sfo, const Quadratics& functions, int64_t steps) {
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t i = sfo.next();
    const at::Tensor x = sfo.position();
    sfo.tell(functions.value(i, x), functions.gradient(i, x));
  }
}

TEST(SumOfFunctions, ReachesTheMinimumOfASumOfQuadratics) {
  for (const int64_t count : {1, 3, 10}) {
    for (const int64_t n : {4, 40}) {
      const Quadratics functions(count, n);
      const at::Tensor start = torch::randn({n}, torch::kDouble);
      SumOfFunctions sfo(start, count, {});
      run(sfo, functions, count == 1 ? 400 : 40 * count);
      EXPECT_LE(length_of(sfo.position() - functions.minimum), 1e-5 * length_of(start - functions.minimum))
          << count << " functions of " << n;
    }
  }
}

TEST(SumOfFunctions, TheSubspaceStaysSmallAndHoldsWhatTheModelIsMadeOf) {
  const Quadratics functions(4, 80);
  SumOfFunctions sfo(torch::randn({80}, torch::kDouble), 4, {});
  for (int i = 0; i < 120; ++i) {
    run(sfo, functions, 1);
    const at::Tensor& basis = sfo.state().basis;
    EXPECT_LE(basis.size(1), 2 * (4 + 1) + 4 * 10);
    EXPECT_LE(length_of(at::mm(basis.t(), basis) - at::eye(basis.size(1), at::kDouble)), 1e-12);
    for (size_t f = 0; f < 4; ++f) {
      const auto& function = sfo.state().functions[f];
      if (!function.x.defined())
        continue;
      const int64_t k = basis.size(1);
      const at::Tensor x = at::mv(basis, padded(function.x, k));
      const at::Tensor expected = functions.gradient(static_cast<int64_t>(f), x);
      EXPECT_LE(length_of(at::mv(basis, padded(function.df, k)) - expected), 1e-9 * length_of(expected));
    }
  }
}

TEST(SumOfFunctions, FunctionsBecomeActiveOneAfterAnother) {
  const Quadratics functions(6, 10);
  SumOfFunctions sfo(torch::randn({10}, torch::kDouble), 6, {});
  const auto active = [&] {
    int64_t count = 0;
    for (const auto& function : sfo.state().functions)
      count += function.active;
    return count;
  };
  EXPECT_EQ(active(), 2);
  for (int64_t before = 2; before < 6; before = active()) {
    run(sfo, functions, 1);
    EXPECT_GE(active(), before);
    EXPECT_LE(active(), before + 1);
  }
}

TEST(SumOfFunctions, TakesBackAStepThatMakesItsFunctionWorse) {
  const at::Tensor start = torch::ones({3}, torch::kDouble);
  SumOfFunctions sfo(start, 1, {.hessian_init = 1});
  sfo.next();
  EXPECT_TRUE(sfo.tell(1, torch::ones({3}, torch::kDouble)));
  sfo.next();
  EXPECT_LE(length_of(sfo.position()), 1e-14);  // one - gradient / 1
  EXPECT_FALSE(sfo.tell(2, -torch::ones({3}, torch::kDouble)));
  EXPECT_LE(length_of(sfo.position() - start), 1e-14);
  sfo.next();  // the secant says 2
  EXPECT_LE(length_of(sfo.position() - 0.5), 1e-14);
  EXPECT_FALSE(sfo.tell(std::nan(""), start));
  EXPECT_LE(length_of(sfo.position() - start), 1e-14);
}

}  // namespace
}  // namespace proxprop::batch
