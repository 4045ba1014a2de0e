// Solvers that go on from earlier steps: amortised factors and running Grams.

#include "support/dense_reference.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace proxprop::testing {
namespace {

// Many inputs, one output, many rows: what amortising is for.
constexpr int64_t rows = 4000, inputs = 300, outputs = 1;

struct Batch {
  std::shared_ptr<DenseTransfer> transfer;
  at::Tensor grad_output;
};

// Batches of one distribution, whose features have very different scales.
Batch make_batch(int64_t count = rows, at::ScalarType dtype = at::kDouble) {
  const auto scale = at::logspace(-1, 1.5, inputs, 10, at::kDouble);
  const auto input = ((at::randn({count, inputs}, at::kDouble) + 0.5) * scale).to(dtype);
  return {std::make_shared<DenseTransfer>(input, outputs, Trained{}), at::randn({count, outputs}, dtype)};
}

ProximalStep take(const Batch& batch, const Solver& solver, SolverState* state, double tau_theta = 0.5) {
  return proximal_direction(
      *batch.transfer, batch.grad_output, {tau_theta, solver, Scaling::sum, Route::feature_gram}, state);
}

at::Tensor weight_of(const ProximalStep& step) {
  return at::cat({step.direction[0], step.direction[1].unsqueeze(1)}, 1);
}

at::Tensor exact_weight(const Batch& batch, double tau_theta = 0.5) {
  return weight_of(take(batch, Cholesky{}, nullptr, tau_theta));
}

TEST(AmortizedCholesky, ReachesItsToleranceWithAnOldFactor) {
  for (const double tolerance : {1e-2, 1e-4, 1e-8}) {
    SolverState state;
    const AmortizedCholesky solver{tolerance, 1000, 50};
    for (int step = 0; step < 10; ++step) {
      const auto batch = make_batch();
      const auto taken = take(batch, solver, &state);
      EXPECT_EQ(taken.summary.renewed, step == 0);
      EXPECT_EQ(taken.summary.status, Status::ok);
      // The residual of each output is below the tolerance times its gradient, so is that of all of them.
      const auto residual =
          relative_residual(*batch.transfer, batch.grad_output, taken.direction, {0.5, Cholesky{}, Scaling::sum});
      EXPECT_LE(residual, tolerance * (1 + 1e-6)) << "step " << step;
    }
  }
}

TEST(AmortizedCholesky, TakesFewerIterationsThanConjugateGradientsWithoutAFactor) {
  SolverState state;
  const auto first = make_batch(), second = make_batch();
  take(first, AmortizedCholesky{1e-6, 1000, 50}, &state);
  const auto amortized = take(second, AmortizedCholesky{1e-6, 1000, 50}, &state);
  const auto plain = take(second, ConjugateGradient{2000, 1e-6}, nullptr);
  EXPECT_GT(amortized.summary.iterations, 0);
  EXPECT_LT(amortized.summary.iterations, plain.summary.iterations);
}

TEST(AmortizedCholesky, MakesTheFactorAnewWhereIterationsDoNotSuffice) {
  SolverState state;
  const AmortizedCholesky solver{1e-8, 1000, 1};
  take(make_batch(), solver, &state);
  const auto batch = make_batch();
  const auto taken = take(batch, solver, &state);
  EXPECT_TRUE(taken.summary.renewed);
  EXPECT_LE(relative_error(weight_of(taken), exact_weight(batch)), 1e-10);
}

TEST(AmortizedCholesky, MakesTheFactorAnewAfterItsTimeAndForAnotherStepSize) {
  SolverState state;
  const AmortizedCholesky solver{1e-4, 3, 50};
  std::vector<bool> renewed;
  for (int step = 0; step < 7; ++step) {
    renewed.push_back(take(make_batch(), solver, &state).summary.renewed);
  }
  EXPECT_EQ(renewed, (std::vector<bool>{true, false, false, true, false, false, true}));
  EXPECT_TRUE(take(make_batch(), solver, &state, 0.7).summary.renewed);
}

TEST(AmortizedCholesky, IsCholeskyWhereIterationsCannotPay) {
  SolverState state;
  const auto transfer = std::make_shared<DenseTransfer>(at::randn({400, 30}, at::kDouble), 30, Trained{});
  const Batch batch{transfer, at::randn({400, 30}, at::kDouble)};
  EXPECT_LE(relative_error(weight_of(take(batch, AmortizedCholesky{}, &state)), exact_weight(batch)), 1e-10);
  EXPECT_TRUE(state.tensors().empty());
}

TEST(AmortizedCholesky, IsCholeskyOnTheSampleRoute) {
  SolverState state;
  const auto batch = make_batch(100);
  const auto taken = proximal_direction(
      *batch.transfer, batch.grad_output, {0.5, AmortizedCholesky{}, Scaling::sum, Route::sample_gram}, &state);
  EXPECT_LE(relative_error(weight_of(taken), exact_weight(batch)), 1e-10);
  EXPECT_TRUE(state.tensors().empty());
}

TEST(AmortizedCholesky, GradientsOfZeroGiveZero) {
  SolverState state;
  take(make_batch(), AmortizedCholesky{}, &state);
  auto batch = make_batch();
  batch.grad_output.zero_();
  EXPECT_EQ(weight_of(take(batch, AmortizedCholesky{}, &state)).abs().max().item<double>(), 0.0);
}

TEST(AmortizedCholesky, ASingularGramIsRegularizedAndSaysSo) {
  SolverState state;
  const Batch batch{
      std::make_shared<DenseTransfer>(at::full({rows, inputs}, 1e3, at::kDouble), outputs, Trained{}),
      at::ones({rows, outputs}, at::kDouble)};
  const auto taken = take(batch, AmortizedCholesky{}, &state, 1e30);
  EXPECT_EQ(taken.summary.status, Status::regularized);
  EXPECT_GT(taken.summary.jitter, 0.0);
  EXPECT_TRUE(weight_of(taken).isfinite().all().item<bool>());
}

TEST(RunningGram, WithoutMemoryIsTheProximalStep) {
  SolverState state;
  for (int step = 0; step < 3; ++step) {
    const auto batch = make_batch();
    EXPECT_LE(relative_error(weight_of(take(batch, RunningGram{0.0, 1}, &state)), exact_weight(batch)), 1e-10);
  }
}

TEST(RunningGram, SolvesWithTheAverageOfPastGrams) {
  SolverState state;
  const double decay = 0.8, tau_theta = 0.5;
  at::Tensor average;
  for (int step = 0; step < 5; ++step) {
    const auto batch = make_batch();
    const auto gram = batch.transfer->feature_gram() / double(rows);
    average = average.defined() ? average * decay + gram * (1 - decay) : gram;
    const auto matrix = average[0] * double(rows) + at::eye(inputs + 1, at::kDouble) / tau_theta;
    const auto gradient = batch.transfer->adjoint(batch.grad_output);
    const auto right = at::cat({gradient[0], gradient[1].unsqueeze(1)}, 1);
    const auto expected = at::linalg_solve(matrix, right.t()).t();
    EXPECT_LE(relative_error(weight_of(take(batch, RunningGram{decay, 1}, &state, tau_theta)), expected), 1e-10);
  }
}

TEST(RunningGram, LooksAtTheBatchOnlyWhenItIsTime) {
  SolverState state;
  std::vector<bool> renewed;
  for (int step = 0; step < 7; ++step) {
    renewed.push_back(take(make_batch(), RunningGram{0.9, 3}, &state).summary.renewed);
  }
  EXPECT_EQ(renewed, (std::vector<bool>{true, false, false, true, false, false, true}));
}

// Of every five steps the last two add their Gram, the fifth also renews the inverse: S = 2, T = 5 of FOOF.
TEST(RunningGram, AveragesTheLastStepsBeforeAnInverse) {
  SolverState state;
  const double decay = 0.7, tau_theta = 0.5;
  const RunningGram solver{decay, 5, 2};
  at::Tensor average, inverted;
  for (int step = 0; step < 12; ++step) {
    const auto batch = make_batch();
    const auto gram = batch.transfer->feature_gram()[0] / double(rows);
    if (step == 0) {
      average = gram;
    } else if (step % 5 == 4 || step % 5 == 0) {
      average = average * decay + gram * (1 - decay);
    }
    if (step % 5 == 0) {
      inverted = average;
    }
    const auto matrix = inverted * double(rows) + at::eye(inputs + 1, at::kDouble) / tau_theta;
    const auto gradient = batch.transfer->adjoint(batch.grad_output);
    const auto right = at::cat({gradient[0], gradient[1].unsqueeze(1)}, 1);
    const auto taken = take(batch, solver, &state, tau_theta);
    EXPECT_EQ(taken.summary.renewed, step % 5 == 0) << step;
    EXPECT_LE(relative_error(weight_of(taken), at::linalg_solve(matrix, right.t()).t()), 1e-10) << step;
  }
}

// Right after an inverse, and where the average has moved on since.
TEST(RunningGram, RestoredAtAnyAgeGivesTheSameBits) {
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    for (const int64_t average_steps : {2, 4}) {
      const RunningGram solver{0.7, 4, average_steps};
      for (int64_t age = 1; age <= 4; ++age) {
        SolverState state;
        for (int64_t step = 0; step < age; ++step) {
          take(make_batch(rows, dtype), solver, &state);
        }
        EXPECT_EQ(state.tensors().size(), age > 4 - average_steps + 1 ? 3u : 2u) << age;
        SolverState restored;
        restored.restore(state.tensors());
        for (int64_t step = 0; step < 5; ++step) {
          const auto batch = make_batch(rows, dtype);
          EXPECT_TRUE(weight_of(take(batch, solver, &state)).equal(weight_of(take(batch, solver, &restored))))
              << age << " " << step;
        }
      }
    }
  }
}

TEST(RunningGram, AveragesAtLeastOneStepAndNoMoreThanThereAre) {
  EXPECT_THROW(check({1.0, RunningGram{0.5, 3, 0}}), c10::Error);
  EXPECT_THROW(check({1.0, RunningGram{0.5, 3, 4}}), c10::Error);
  EXPECT_NO_THROW(check({1.0, RunningGram{0.5, 3, 3}}));
}

TEST(RunningGram, ASmallerLastBatchKeepsTheDampingPerRow) {
  SolverState state;
  const auto batch = make_batch();
  const RunningGram solver{0.0, 100};
  take(batch, solver, &state);
  const auto half = make_batch(rows / 2);
  // V = (beta / rows I + G)^-1 gradient / (rows of this batch), G the mean Gram of the first batch.
  const auto matrix =
      batch.transfer->feature_gram()[0] / double(rows) + at::eye(inputs + 1, at::kDouble) * (2.0 / rows);
  const auto gradient = half.transfer->adjoint(half.grad_output);
  const auto right = at::cat({gradient[0], gradient[1].unsqueeze(1)}, 1) / (rows / 2.0);
  EXPECT_LE(relative_error(weight_of(take(half, solver, &state)), at::linalg_solve(matrix, right.t()).t()), 1e-10);
}

TEST(RunningGram, NeedsAFeatureGram) {
  const FunctionTransfer map(
      {{3}}, [](at::TensorList theta) { return theta[0]; }, [](const at::Tensor& z) { return std::vector{z}; });
  SolverState state;
  EXPECT_THROW(proximal_direction(map, at::ones({3}), {1.0, RunningGram{}}, &state), c10::Error);
}

class KeptState : public ::testing::TestWithParam<Solver> {};

TEST_P(KeptState, IsNeeded) {
  const auto batch = make_batch();
  EXPECT_THROW(take(batch, GetParam(), nullptr), c10::Error);
}

TEST_P(KeptState, RestoredGivesTheSameBits) {
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    SolverState state;
    for (int step = 0; step < 5; ++step) {
      take(make_batch(rows, dtype), GetParam(), &state);
    }
    SolverState restored;
    restored.restore(state.tensors());
    const SolverState copied(state);
    for (int step = 0; step < 6; ++step) {
      const auto batch = make_batch(rows, dtype);
      EXPECT_TRUE(weight_of(take(batch, GetParam(), &state)).equal(weight_of(take(batch, GetParam(), &restored))));
    }
    EXPECT_EQ(copied.tensors().size(), 2u);
  }
}

TEST_P(KeptState, StartsAnewForOtherSizes) {
  SolverState state;
  take(make_batch(), GetParam(), &state);
  const auto other = std::make_shared<DenseTransfer>(at::randn({rows, 200}, at::kDouble), outputs, Trained{});
  const Batch batch{other, at::randn({rows, outputs}, at::kDouble)};
  const auto taken = take(batch, GetParam(), &state);
  EXPECT_TRUE(taken.summary.renewed);
  EXPECT_LE(relative_error(weight_of(taken), exact_weight(batch)), 1e-10);
}

TEST_P(KeptState, IsNotPoisonedByABatchThatIsNotFinite) {
  SolverState state;
  take(make_batch(), GetParam(), &state);
  const auto poison = at::full({rows, inputs}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  const Batch bad{std::make_shared<DenseTransfer>(poison, outputs, Trained{}), at::randn({rows, outputs}, at::kDouble)};
  EXPECT_FALSE(weight_of(take(bad, GetParam(), &state)).isfinite().any().item<bool>());
  const auto batch = make_batch();
  EXPECT_TRUE(weight_of(take(batch, GetParam(), &state)).isfinite().all().item<bool>());
}

TEST(SolverState, RefusesWhatIsNoState) {
  const auto gram = at::eye(3, at::kDouble).unsqueeze(0), numbers = at::tensor({2.0, 0.0}, at::kDouble);
  SolverState state;
  EXPECT_NO_THROW(state.restore({gram, numbers}));
  EXPECT_NO_THROW(state.restore({gram, numbers, at::ones({1, 3, 3})}));
  const std::vector<std::vector<at::Tensor>> wrong = {
      {gram},
      {gram, numbers, gram, gram},
      {gram[0], numbers},
      {gram.narrow(1, 0, 2), numbers},
      {gram.to(at::kFloat), numbers},
      {gram, numbers.narrow(0, 0, 1)},
      {gram, at::tensor({2.0, 0.0, 1.0}, at::kDouble)},
      {gram, numbers.to(at::kFloat)},
      {gram, numbers, gram.narrow(2, 0, 2)},
      {gram, numbers, numbers}};
  for (const auto& tensors : wrong) {
    EXPECT_THROW(state.restore(tensors), c10::Error);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Solvers, KeptState, ::testing::Values(AmortizedCholesky{1e-6, 4, 50}, RunningGram{0.9, 1}, RunningGram{0.9, 4}));

}  // namespace
}  // namespace proxprop::testing
