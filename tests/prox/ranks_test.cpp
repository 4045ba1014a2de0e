// Ranks together take the step of one rank that has all rows.

#include "support/dense_reference.h"
#include "support/thread_ranks.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>

#include <mutex>

namespace proxprop::testing {
namespace {

constexpr double bound = 1e-10;

struct Shared {
  std::vector<TransferInstance> parts;
  TransferInstance all;  ///< the parts as rows of one transfer
};

// Rank r has the r-th variant of the case: other data, and more samples.
Shared share(const TransferCase& transfer_case, int64_t ranks, at::ScalarType dtype = at::kDouble) {
  Shared shared;
  std::vector<std::shared_ptr<const LinearTransfer>> transfers;
  std::vector<std::vector<int64_t>> sizes;
  std::vector<at::Tensor> outputs;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    shared.parts.push_back(transfer_case.make(dtype, rank));
    transfers.push_back(shared.parts.back().transfer);
    sizes.push_back(shared.parts.back().grad_output.sizes().vec());
    outputs.push_back(shared.parts.back().grad_output.reshape({-1}));
  }
  shared.all = {std::make_shared<StackedTransfer>(transfers, sizes), at::cat(outputs)};
  return shared;
}

// V of every rank, flattened.
std::vector<at::Tensor> directions(
    const Shared& shared, ProximalOptions options, std::vector<StepSummary>* summaries = nullptr) {
  ThreadRanks ranks(int64_t(shared.parts.size()));
  std::vector<at::Tensor> results(shared.parts.size());
  std::mutex mutex;
  ranks.run([&](const std::shared_ptr<Communicator>& communicator) {
    auto own = options;
    own.communicator = communicator;
    const auto& part = shared.parts[communicator->rank()];
    const auto step = proximal_direction(*part.transfer, part.grad_output, own);
    const std::lock_guard<std::mutex> lock(mutex);
    results[communicator->rank()] = flatten(step.direction);
    if (summaries != nullptr) {
      summaries->push_back(step.summary);
    }
  });
  return results;
}

void expect_all_equal(
    const std::vector<at::Tensor>& results, const at::Tensor& of_the_sum, double tolerance, const std::string& what) {
  const auto reference = of_the_sum / double(results.size());  // of the mean of the ranks' losses
  for (const auto& result : results) {
    EXPECT_LE(relative_error(result, reference), tolerance) << what;
    EXPECT_TRUE(at::equal(result, results.front())) << what << ": the ranks' bits differ";
  }
}

class Ranks : public ::testing::TestWithParam<TransferCase> {};

TEST_P(Ranks, TogetherTakeTheExactStepOfAllRows) {
  for (const int64_t count : {2, 3}) {
    const auto shared = share(GetParam(), count);
    for (const double tau_theta : {0.05, 1.0, 100.0}) {
      const auto reference = dense_direction(*shared.all.transfer, shared.all.grad_output, tau_theta);
      for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
        expect_all_equal(
            directions(shared, {tau_theta, Cholesky{}, Scaling::sum, route}), reference, bound, to_string(route));
      }
      expect_all_equal(directions(shared, {tau_theta, Cholesky{}}), reference, bound, "planned");
    }
  }
}

TEST_P(Ranks, DivideTheGramByAllRowsWithMeanScaling) {
  const auto shared = share(GetParam(), 2);
  const auto rows = double(shared.all.transfer->dimensions()->rows);
  const auto reference = dense_direction(*shared.all.transfer, shared.all.grad_output, 0.7, rows);
  for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
    expect_all_equal(directions(shared, {0.7, Cholesky{}, Scaling::mean, route}), reference, bound, to_string(route));
  }
}

TEST_P(Ranks, IterateAsOneRankDoes) {
  const auto shared = share(GetParam(), 3);
  for (const auto coupling : {Coupling::joint, Coupling::per_output}) {
    for (const int64_t iterations : {1, 3, 5}) {
      const ConjugateGradient cg{iterations, 0.0, coupling};
      const auto reference =
          proximal_direction(*shared.all.transfer, shared.all.grad_output, {0.5, cg, Scaling::sum, Route::matrix_free});
      for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
        expect_all_equal(
            directions(shared, {0.5, cg, Scaling::sum, route}), flatten(reference.direction), bound,
            to_string(route) + ", " + std::to_string(iterations) + " iterations");
      }
    }
  }
}

TEST_P(Ranks, GiveTheGradientOfTheMeanLossWithoutAProximalStep) {
  const auto shared = share(GetParam(), 2);
  expect_all_equal(
      directions(shared, {1.0, Gradient{}}), flatten(shared.all.transfer->adjoint(shared.all.grad_output)), bound,
      "gradient");
}

TEST_P(Ranks, SeeTheResidualOfAllRows) {
  const auto shared = share(GetParam(), 2);
  ThreadRanks ranks(2);
  ranks.run([&](const std::shared_ptr<Communicator>& communicator) {
    const auto& part = shared.parts[communicator->rank()];
    const ProximalOptions options{.tau_theta = 1.0, .communicator = communicator};
    const auto step = proximal_direction(*part.transfer, part.grad_output, options);
    EXPECT_LE(relative_residual(*part.transfer, part.grad_output, step.direction, options), 1e-9);
    auto wrong = step.direction;
    wrong.front() = wrong.front() * 1.01;
    EXPECT_GE(relative_residual(*part.transfer, part.grad_output, wrong, options), 1e-6);
  });
}

INSTANTIATE_TEST_SUITE_P(AllTransfers, Ranks, ::testing::ValuesIn(transfer_cases()), [](const auto& each) {
  return each.param.name;
});

TransferCase dense_case(std::vector<int64_t> size, int64_t outputs) {
  return {"", [=](at::ScalarType t, int64_t v) { return make_dense(size, outputs, {}, t, v); }};
}

// (A^T A + I)^-1 A^T g with ATen alone, A extended by ones; rows of the weight, then the bias, as `flatten` has them.
at::Tensor dense_layer_direction(const TransferInstance& all) {
  const auto samples = all.transfer->sample_matrix().matrix[0];
  const auto a = at::cat({samples, at::ones({samples.size(0), 1}, samples.options())}, 1);
  const auto g = all.transfer->output_rows(all.grad_output)[0];
  auto m = at::mm(a.t(), a);
  m.diagonal().add_(1.0);
  const auto v = at::linalg_solve(m, at::mm(a.t(), g));
  return flatten({v.narrow(0, 0, samples.size(1)).t(), v[samples.size(1)]});
}

TEST(RanksTogether, KeepFloat32AccuracyOnWhicheverSideTheInverseGoes) {
  for (const int64_t outputs : {50, 400}) {
    const auto narrow = share(dense_case({60, 200}, outputs), 3, at::kFloat);
    const auto wide = share(dense_case({60, 200}, outputs), 3);
    expect_all_equal(
        directions(narrow, {1.0, Cholesky{}}), dense_layer_direction(wide.all), 1e-5, std::to_string(outputs));
    const ConjugateGradient cg{10};
    const auto iterate = proximal_direction(*wide.all.transfer, wide.all.grad_output, {1.0, cg});
    expect_all_equal(
        directions(narrow, {1.0, cg, Scaling::sum, Route::sample_gram}), flatten(iterate.direction), 1e-4, "cg");
  }
}

TEST(RanksTogether, StackedUsesAreRowsOfTheSameStep) {
  // A rank that used its layer twice beside one that used it once.
  const auto twice = stacked({make_dense({3, 6}, 4, {}, at::kDouble), make_dense({5, 6}, 4, {}, at::kDouble, 1)});
  const auto once = make_dense({4, 6}, 4, {}, at::kDouble, 2);
  const Shared shared{{twice, once}, stacked({twice, once})};
  const auto reference = dense_direction(*shared.all.transfer, shared.all.grad_output, 1.0);
  for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
    expect_all_equal(directions(shared, {1.0, Cholesky{}, Scaling::sum, route}), reference, bound, to_string(route));
  }
}

TEST(RanksTogether, AveragingTheirOwnDirectionsWouldBeWrong) {
  const auto shared = share(dense_case({4, 9}, 5), 2);
  const ProximalOptions options{1.0, Cholesky{}};
  auto average = at::zeros({5 * 10}, at::kDouble);
  for (const auto& part : shared.parts) {
    average += flatten(proximal_direction(*part.transfer, part.grad_output, options).direction) / 2;
  }
  EXPECT_GE(relative_error(average, directions(shared, options).front()), 0.1);
}

TEST(RanksTogether, SolversThatKeepStateGoOnAlike) {
  const std::vector<Solver> solvers{
      RunningGram{.decay = 0.5, .update_every = 2}, AmortizedCholesky{.tolerance = 1e-11, .max_iterations = 40}};
  for (const auto& solver : solvers) {
    SolverState alone;
    std::vector<SolverState> states(2);
    for (int64_t step = 0; step < 4; ++step) {
      const TransferCase rows{"", [=](at::ScalarType t, int64_t v) {
                                return make_dense({90, 6}, 1, {}, t, v + 2 * step);
                              }};
      const auto shared = share(rows, 2);
      const ProximalOptions options{0.5, solver, Scaling::sum, Route::feature_gram};
      const auto reference = proximal_direction(*shared.all.transfer, shared.all.grad_output, options, &alone);
      ThreadRanks(2).run([&](const std::shared_ptr<Communicator>& communicator) {
        auto own = options;
        own.communicator = communicator;
        const auto& part = shared.parts[communicator->rank()];
        const auto result = proximal_direction(*part.transfer, part.grad_output, own, &states[communicator->rank()]);
        EXPECT_LE(relative_error(flatten(result.direction) * 2, flatten(reference.direction)), 1e-9)
            << to_string(solver) << ", step " << step;
        EXPECT_EQ(result.summary.renewed, reference.summary.renewed);
      });
    }
  }
}

TEST(RanksTogether, RefuseStepsThatDiffer) {
  const ConjugateGradient cg{3, 1e-3, Coupling::joint};
  const AmortizedCholesky amortized{1e-3, 20, 10};
  const RunningGram running{0.9, 20, 5};
  const auto with = [](const Solver& solver) { return ProximalOptions{1.0, solver}; };
  const std::vector<std::pair<ProximalOptions, ProximalOptions>> pairs = {
      {{1.0}, {2.0}},
      {{1.0}, {1.0, Cholesky{}, Scaling::mean}},
      {{1.0}, {1.0, Cholesky{}, Scaling::sum, Route::sample_gram}},
      {{1.0, Cholesky{}, Scaling::sum, Route::feature_gram}, {1.0, Cholesky{}, Scaling::sum, Route::sample_gram}},
      {with(Cholesky{}), with(cg)},
      {with(cg), with(ConjugateGradient{4, 1e-3, Coupling::joint})},
      {with(cg), with(ConjugateGradient{3, 1e-4, Coupling::joint})},
      {with(cg), with(ConjugateGradient{3, 1e-3, Coupling::per_output})},
      {with(cg), with(ConjugateGradient{3, 1e-3})},
      {with(amortized), with(AmortizedCholesky{1e-4, 20, 10})},
      {with(amortized), with(AmortizedCholesky{1e-3, 21, 10})},
      {with(amortized), with(AmortizedCholesky{1e-3, 20, 11})},
      {with(running), with(RunningGram{0.8, 20, 5})},
      {with(running), with(RunningGram{0.9, 21, 5})},
      {with(running), with(RunningGram{0.9, 20, 6})}};
  const auto shared = share(dense_case({4, 9}, 5), 2);
  for (size_t i = 0; i < pairs.size(); ++i) {
    ThreadRanks(2).run([&](const std::shared_ptr<Communicator>& communicator) {
      const auto& part = shared.parts[communicator->rank()];
      auto options = communicator->rank() == 0 ? pairs[i].first : pairs[i].second;
      options.communicator = communicator;
      SolverState state;
      EXPECT_THROW(proximal_direction(*part.transfer, part.grad_output, options, &state), c10::Error) << "pair " << i;
    });
  }
}

TEST(RanksTogether, RefuseParametersThatDiffer) {
  ThreadRanks(2).run([&](const std::shared_ptr<Communicator>& communicator) {
    const auto own = make_dense({4, 9}, communicator->rank() == 0 ? 5 : 6, {}, at::kDouble);
    const ProximalOptions options{.communicator = communicator};
    EXPECT_THROW(proximal_direction(*own.transfer, own.grad_output, options), c10::Error);
  });
}

TEST(RanksTogether, TakeTheRouteThatFitsTheSmallestMemory) {
  const auto shared = share(dense_case({4, 9}, 5), 2);
  // The routes that both ranks take where rank 1 has so much memory; 0: plenty.
  const auto routes = [&](int64_t memory_limit) {
    std::vector<Route> taken(2);
    ThreadRanks(2).run([&](const std::shared_ptr<Communicator>& communicator) {
      const auto& part = shared.parts[communicator->rank()];
      ProximalOptions options{1.0, ConjugateGradient{500}};
      options.memory_limit = communicator->rank() == 1 ? memory_limit : 0;
      options.communicator = communicator;
      taken[communicator->rank()] = proximal_direction(*part.transfer, part.grad_output, options).summary.route;
    });
    return taken;
  };
  const auto plenty = routes(0), none = routes(1);
  EXPECT_EQ(plenty[0], plenty[1]);
  EXPECT_EQ(none[0], none[1]);
  EXPECT_NE(plenty[0], none[0]) << "the case does not test what it says";
}

// Pixels: all near one value, so that the Gram has one large eigenvalue and many small ones.
TransferCase pixels(int64_t rows, int64_t columns, int64_t outputs, double spread) {
  return {"", [=](at::ScalarType dtype, int64_t variant) {
            at::manual_seed(20 + variant);
            const auto input = at::rand({rows, columns}, at::kFloat) * spread + 0.5;
            const auto g = at::randn({rows, outputs}, at::kFloat);
            return TransferInstance{std::make_shared<DenseTransfer>(input.to(dtype), outputs, Trained{}), g.to(dtype)};
          }};
}

TEST(RanksTogether, SumTheGradientOfTheExactStepInFloat64) {
  // Rounded to float32 before the sum, as backpropagation's is, it would cost V digits: condition number times 6e-8.
  const auto narrow = share(pixels(200, 40, 6, 0.005), 3, at::kFloat), wide = share(pixels(200, 40, 6, 0.005), 3);
  const ProximalOptions options{1e4, Cholesky{}, Scaling::sum, Route::feature_gram};
  const auto reference = dense_direction(*wide.all.transfer, wide.all.grad_output, options.tau_theta);
  expect_all_equal(directions(narrow, options), reference, 1e-6, "float64");

  auto rounded = at::zeros({6, 41}, at::kFloat);
  for (const auto& part : wide.parts) {
    const auto gradient = part.transfer->accurate_adjoint(part.grad_output);
    rounded += at::cat({gradient[0], gradient[1].unsqueeze(1)}, 1).to(at::kFloat);
  }
  auto matrix = wide.all.transfer->feature_gram()[0];
  matrix.diagonal().add_(1 / options.tau_theta);
  const auto v = at::linalg_solve(matrix, rounded.to(at::kDouble).t()).t();
  EXPECT_GE(relative_error(flatten({v.narrow(1, 0, 40), v.select(1, 40)}), reference), 1e-5);
}

TEST(RanksTogether, RoundingBeforeTheSumCostsTheRunningGramNothing) {
  // Its product with the inverse is a float32 one: on one rank, too, the gradient is rounded.
  const auto narrow = share(pixels(200, 40, 6, 0.05), 3, at::kFloat), wide = share(pixels(200, 40, 6, 0.05), 3);
  const ProximalOptions options{0.05, RunningGram{}, Scaling::sum, Route::feature_gram};
  const auto reference = dense_direction(*wide.all.transfer, wide.all.grad_output, options.tau_theta);
  SolverState state;
  const auto alone = proximal_direction(*narrow.all.transfer, narrow.all.grad_output, options, &state);
  const auto error_alone = relative_error(flatten(alone.direction).to(at::kDouble), reference);
  ThreadRanks(3).run([&](const std::shared_ptr<Communicator>& communicator) {
    auto own = options;
    own.communicator = communicator;
    const auto& part = narrow.parts[communicator->rank()];
    SolverState own_state;
    const auto step = proximal_direction(*part.transfer, part.grad_output, own, &own_state);
    EXPECT_LE(relative_error(flatten(step.direction).to(at::kDouble) * 3, reference), 2 * error_alone + 1e-6);
  });
}

TEST(RanksTogether, SendNoMoreThanPlanned) {
  // S = 30 rows on 3 ranks, d = 201, O = 50: gathers of A and g, K in float64, and the sum of V.
  const TransferCase equal{"", [](at::ScalarType t, int64_t) { return make_dense({10, 200}, 50, {}, t); }};
  const auto shared = share(equal, 3, at::kFloat);
  ThreadRanks ranks(3);
  ranks.run([&](const std::shared_ptr<Communicator>& communicator) {
    const auto& part = shared.parts[communicator->rank()];
    const ProximalOptions options{.route = Route::sample_gram, .communicator = communicator};
    proximal_direction(*part.transfer, part.grad_output, options);
    const auto gathers = 2 * (4 * 10 * (200 + 50) + 8 * 10 * 30 + 16 + 8 * 63);
    const auto sum = 2 * 2 * 4 * 201 * 50 / 3;
    EXPECT_NEAR(double(communicator->bytes_sent()), gathers + sum, 8.0);
    EXPECT_EQ(communicator->collectives(), 6);
  });
}

}  // namespace
}  // namespace proxprop::testing
