#include <proxprop/prox/plan.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <gtest/gtest.h>

#include <algorithm>

namespace proxprop {
namespace {

Problem matrix_problem(int64_t rows, int64_t columns, int64_t outputs, Solver solver = Cholesky{}) {
  Problem problem;
  problem.dimensions = Dimensions{rows, columns, outputs, 1};
  problem.apply_work[Kernel::library_product] = 2.0 * double(rows) * double(columns) * double(outputs);
  problem.adjoint_work[Kernel::product] = 2.0 * double(rows) * double(columns) * double(outputs);
  problem.accurate_adjoint_work[Kernel::product64] = problem.adjoint_work[Kernel::product];
  problem.has_sample_matrix = problem.has_feature_gram = true;
  problem.sample_gram_work[Kernel::product64] = double(rows) * double(rows) * double(columns);
  problem.feature_gram_work[Kernel::product64] = double(rows) * double(columns) * double(columns);
  problem.feature_blocks = {columns};
  problem.solver = solver;
  return problem;
}

TEST(Planner, FewSamplesTakeTheSampleGram) {
  for (const auto& [columns, outputs] : {std::pair{3073, 4000}, {4001, 1000}, {1001, 4000}}) {
    EXPECT_EQ(plan(matrix_problem(500, columns, outputs)).route, Route::sample_gram);
  }
}

TEST(Planner, ManySamplesTakeTheFeatureGram) {
  EXPECT_EQ(plan(matrix_problem(512000, 76, 16)).route, Route::feature_gram);
  EXPECT_EQ(plan(matrix_problem(16384, 769, 768)).route, Route::feature_gram);
}

TEST(Planner, OneIterationOnAHugeProblemIsMatrixFree) {
  EXPECT_EQ(plan(matrix_problem(20000, 20000, 10, ConjugateGradient{1})).route, Route::matrix_free);
}

TEST(Planner, MapsWithoutStructureAreMatrixFree) {
  EXPECT_EQ(plan(Problem{}).route, Route::matrix_free);
}

TEST(Planner, GradientNeedsNoRoute) {
  EXPECT_EQ(plan(matrix_problem(5, 5, 5, Gradient{})).route, Route::gradient);
}

TEST(Planner, NeverTakesAnImpossibleRoute) {
  auto problem = matrix_problem(500, 3073, 4000);
  problem.has_sample_matrix = false;
  EXPECT_EQ(plan(problem).route, Route::feature_gram);
  problem.has_feature_gram = false;
  EXPECT_EQ(plan(problem).route, Route::matrix_free);
}

TEST(Planner, SaysWhy) {
  const auto reason = plan(matrix_problem(500, 3073, 4000)).reason;
  EXPECT_NE(reason.find("S = 500 < d = 3073"), std::string::npos) << reason;
  EXPECT_NE(reason.find("sample Gram"), std::string::npos) << reason;
}

// The candidates in order of cost; the planner takes the first that it may take.
std::vector<Route> by_cost(const Plan& plan) {
  auto candidates = plan.candidates;
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.cost < b.cost; });
  std::vector<Route> routes;
  for (const auto& candidate : candidates) {
    routes.push_back(candidate.route);
  }
  return routes;
}

TEST(Planner, ConjugateGradientsTakeTheCheapestRoute) {
  for (const int64_t rows : {1, 10, 100, 1000, 10000}) {
    for (const int64_t columns : {1, 10, 100, 1000, 10000}) {
      const auto result = plan(matrix_problem(rows, columns, 64, ConjugateGradient{3}));
      EXPECT_EQ(result.route, by_cost(result).front()) << rows << " x " << columns;
    }
  }
}

TEST(Planner, TheExactStepGoesByAGramEvenWhereIterationsWouldBeCheaper) {
  const auto result = plan(matrix_problem(500, 3073, 1));
  EXPECT_EQ(by_cost(result).front(), Route::matrix_free) << "the case does not test what it says";
  EXPECT_EQ(result.route, Route::sample_gram);
}

TEST(Planner, GoesByTheProblemsRates) {
  auto problem = matrix_problem(1000, 1001, 10);
  ASSERT_EQ(plan(problem).route, Route::sample_gram);
  problem.rates.costs[size_t(Kernel::product64)] = 1e-3;
  problem.rates.costs[size_t(Kernel::pivot)] = 1e9;
  problem.feature_gram_work[Kernel::product64] /= 4;
  problem.feature_blocks = {100, 100};
  EXPECT_EQ(plan(problem).route, Route::feature_gram);
}

// Seconds instead of operations change no plan; a machine that is equally faster at everything neither.
TEST(Planner, OnlyTheProportionsOfRatesMatter) {
  for (const auto& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
    for (const int64_t rows : {10, 100, 1000, 10000}) {
      for (const int64_t columns : {10, 100, 1000, 10000}) {
        auto problem = matrix_problem(rows, columns, 64, solver);
        const auto expected = plan(problem);
        for (auto& cost : problem.rates.costs) {
          cost *= 3e-12;
        }
        const auto result = plan(problem);
        EXPECT_EQ(result.route, expected.route);
        for (size_t i = 0; i < result.candidates.size(); ++i) {
          EXPECT_NEAR(
              result.candidates[i].relative, expected.candidates[i].relative, 1e-9 * expected.candidates[i].relative);
        }
      }
    }
  }
}

TEST(Planner, TransfersArePlannedByTheRatesInUse) {
  const DenseTransfer transfer(at::zeros({8, 4}), 2, {});
  EXPECT_EQ(describe(transfer, {}).rates, Rates{});
  Rates rates;
  rates.measured = true;
  rates.costs.fill(1e-9);
  use_rates(rates);
  EXPECT_EQ(describe(transfer, {}).rates, rates);
  EXPECT_EQ(describe(transfer, {}, at::kCUDA).rates, Rates{});
  use_rates(Rates{});
}

TEST(Planner, DescribesWhatTheTransferOffers) {
  const ConvTransfer transfer(at::zeros({8, 4, 9, 9}), {6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2}, {});
  const auto problem = describe(transfer, {});
  EXPECT_EQ(problem.dimensions->rows, 8 * 81);
  EXPECT_TRUE(problem.has_sample_matrix && problem.has_feature_gram);
  EXPECT_EQ(problem.apply_work, transfer.apply_work());
  EXPECT_EQ(problem.adjoint_work, transfer.adjoint_work());
  EXPECT_EQ(problem.accurate_adjoint_work, transfer.accurate_adjoint_work());
  EXPECT_EQ(problem.sample_gram_work, transfer.sample_gram_work());
  EXPECT_EQ(problem.sample_gram_bytes, transfer.sample_gram_bytes());
  EXPECT_EQ(problem.sample_matrix_bytes, transfer.sample_matrix_bytes());
  EXPECT_EQ(problem.feature_gram_work, transfer.feature_gram_work());
  EXPECT_EQ(problem.feature_gram_bytes, transfer.feature_gram_bytes());
  EXPECT_EQ(problem.feature_blocks, transfer.feature_block_sizes());
  for (const auto& work :
       {problem.apply_work, problem.adjoint_work, problem.accurate_adjoint_work, problem.sample_gram_work,
        problem.feature_gram_work}) {
    EXPECT_GT(Rates{}.of(work), 0);
  }
}

TEST(Planner, AStackOfUsesCostsWhatItsUsesCost) {
  const auto use = std::make_shared<DenseTransfer>(at::zeros({8, 4}), 2, Trained{});
  const StackedTransfer stack({use, use, use}, {{8, 2}, {8, 2}, {8, 2}});
  const auto thrice = [](Work work) { return work *= 3; };
  EXPECT_EQ(stack.apply_work(), thrice(use->apply_work()));
  EXPECT_EQ(stack.adjoint_work(), thrice(use->adjoint_work()));
  EXPECT_EQ(stack.accurate_adjoint_work(), thrice(use->accurate_adjoint_work()));
  EXPECT_EQ(stack.feature_gram_work(), thrice(use->feature_gram_work()));
  EXPECT_EQ(stack.dimensions()->rows, 24);
}

TEST(Work, AddsAndIsPricedByKernel) {
  Work a, b;
  a[Kernel::factor] = 3;
  b[Kernel::factor] = 4;
  b[Kernel::wire] = 5;
  Rates rates;
  rates.costs.fill(0);
  rates.costs[size_t(Kernel::factor)] = 10;
  rates.costs[size_t(Kernel::wire)] = 100;
  a += b;
  EXPECT_EQ(a[Kernel::factor], 7);
  EXPECT_EQ(a[Kernel::wire], 5);
  EXPECT_EQ(rates.of(a *= 2), 2 * (10 * 7 + 100 * 5));
}

TEST(Planner, RespectsTheMemoryLimit) {
  auto problem = matrix_problem(20000, 30000, 10, ConjugateGradient{20000});
  ASSERT_NE(plan(problem).route, Route::matrix_free);
  problem.memory_limit = 1e9;
  EXPECT_EQ(plan(problem).route, Route::matrix_free);
  problem.memory_limit = 1;  // nothing fits: the one that needs the least
  EXPECT_EQ(plan(problem).route, Route::matrix_free);
}

TEST(Planner, ARouteThatIsAskedForIsTaken) {
  auto problem = matrix_problem(500, 3073, 4000);
  problem.route = Route::feature_gram;
  const auto result = plan(problem);
  EXPECT_EQ(result.route, Route::feature_gram);
  EXPECT_NE(result.reason.find("as asked for"), std::string::npos) << result.reason;
}

}  // namespace
}  // namespace proxprop
