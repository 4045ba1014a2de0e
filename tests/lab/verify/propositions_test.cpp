// Every proposition holds of the library, and fails where what it is about is broken on purpose.

#include "lab/verify/verify.h"

#include "train/data/batch.h"
#include "train/data/dataset.h"

#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace proxprop::verify {
namespace {

const Problem& problem() {
  static const Problem instance = [] {
    const train::Dataset digits = train::load_dataset("mnist-5k", {}, 500, -1);
    const auto [images, labels] = train::to_batch(digits.train, at::arange(500, at::kLong), at::kDouble, at::kCPU);
    return make_problem({images, labels}, 7);
  }();
  return instance;
}

int failures(const std::vector<Row>& rows) {
  int count = 0;
  for (const Row& row : rows)
    count += !row.holds;
  return count;
}

/// How many of the rows whose name has this part hold. There must be some of the name.
int holding(const std::vector<Row>& rows, const std::string& part) {
  int count = 0, held = 0;
  for (const Row& row : rows) {
    const bool named = row.case_name.find(part) != std::string::npos;
    count += named;
    held += named && row.holds;
  }
  EXPECT_GT(count, 0) << part;
  return held;
}

ProximalStep scaled(ProximalStep step, double factor) {
  for (at::Tensor& part : step.direction)
    part = part * factor;
  return step;
}

ProximalStep wrong_sign(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  return scaled(proximal_direction(transfer, g, options), -1);
}

ProximalStep vanishing(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  return scaled(proximal_direction(transfer, g, options), 1e-8);
}

ProximalStep explicit_step(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  ProximalStep step;
  for (const at::Tensor& part : transfer.adjoint(g))
    step.direction.push_back(part * options.tau_theta);
  return step;
}

ProximalStep wrong_tau(const LinearTransfer& transfer, const at::Tensor& g, ProximalOptions options) {
  options.tau_theta *= 1 + 1e-6;
  return proximal_direction(transfer, g, options);
}

// (1 / tau_theta + epsilon) I in M, as from a denominator that is kept from zero.
ProximalStep added_epsilon(const LinearTransfer& transfer, const at::Tensor& g, ProximalOptions options) {
  options.tau_theta = 1 / (1 / options.tau_theta + 1e-7);
  return proximal_direction(transfer, g, options);
}

ProximalStep offset(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  ProximalStep step = proximal_direction(transfer, g, options);
  step.direction.front() = step.direction.front() + 1e-10;
  return step;
}

// Uses the Gram of the first input that it saw for layers of these shapes.
class StaleGram {
 public:
  ProximalStep operator()(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
    const auto [place, unseen] = grams_.try_emplace(transfer.parameter_shapes());
    if (unseen)
      place->second = transfer.feature_gram().squeeze(0);
    const auto gradient = transfer.adjoint(g);
    const at::Tensor b = at::cat({gradient[0].flatten(1), gradient[1].unsqueeze(1)}, 1);
    at::Tensor m = place->second.clone();
    m.diagonal().add_(1 / options.tau_theta);
    const at::Tensor v = at::linalg_solve(m, b.t()).t();
    ProximalStep step;
    step.direction = {v.narrow(1, 0, v.size(1) - 1).reshape(gradient[0].sizes()), v.select(1, v.size(1) - 1)};
    return step;
  }

 private:
  std::map<std::vector<std::vector<int64_t>>, at::Tensor> grams_;
};

// Descends, but hardly: nearly all of it is orthogonal to the gradient.
ProximalStep nearly_orthogonal(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  ProximalStep step = proximal_direction(transfer, g, options);
  const at::Tensor gradient = transfer.adjoint(g).front();
  at::Tensor other = at::flip(gradient, {0});
  other = other - gradient * ((other * gradient).sum() / gradient.square().sum());
  step.direction.front() = 1e-6 * step.direction.front() + other * (step.direction.front().norm() / other.norm());
  for (size_t i = 1; i < step.direction.size(); ++i)
    step.direction[i] = step.direction[i] * 1e-6;
  return step;
}

ProximalStep one_iteration_more(const LinearTransfer& transfer, const at::Tensor& g, ProximalOptions options) {
  std::get<ConjugateGradient>(options.solver).iterations += 1;
  return proximal_direction(transfer, g, options);
}

ProximalStep scaled_at(
    int64_t iterations,
    double factor,
    const LinearTransfer& transfer,
    const at::Tensor& g,
    const ProximalOptions& options) {
  const ProximalStep step = proximal_direction(transfer, g, options);
  return std::get<ConjugateGradient>(options.solver).iterations == iterations ? scaled(step, factor) : step;
}

ProximalStep nan_at_7_iterations(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  return scaled_at(7, NAN, transfer, g, options);
}

ProximalStep wrong_sign_at_20_iterations(
    const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
  return scaled_at(20, -1, transfer, g, options);
}

// Divides the Gram by one row too many: M = beta I + G / (S + 1).
ProximalStep mean_over_a_row_more(const LinearTransfer& transfer, const at::Tensor& g, ProximalOptions options) {
  if (options.scaling == Scaling::sum)
    return proximal_direction(transfer, g, options);
  const double rows = double(transfer.row_count(g)) + 1;
  options.scaling = Scaling::sum;
  options.tau_theta /= rows;
  return scaled(proximal_direction(transfer, g, options), rows);
}

// NaN from a step of the run of 30 steps on: two proximal layers in each step, of 64 records and tanh.
class NanInARun {
 public:
  explicit NanInARun(int step) : first_(2 * (step - 1)) {}
  ProximalStep operator()(const LinearTransfer& transfer, const at::Tensor& g, const ProximalOptions& options) {
    // The layers that the problem was made with are not those of the run.
    for (const DenseNetwork& network : problem().networks) {
      for (const DenseLayer& dense : network.layers) {
        if (dense.layer.transfer.get() == &transfer)
          return proximal_direction(transfer, g, options);
      }
    }
    return calls_++ < first_ ? proximal_direction(transfer, g, options)
                             : scaled(explicit_step(transfer, g, options), NAN);
  }

 private:
  int first_, calls_ = 0;
};

ProximalStep always_exact(const LinearTransfer& transfer, const at::Tensor& g, ProximalOptions options) {
  options.solver = Cholesky{};
  return proximal_direction(transfer, g, options);
}

class EveryProposition : public ::testing::TestWithParam<Proposition> {};

TEST_P(EveryProposition, HoldsOfTheLibrary) {
  const std::vector<Row> rows = GetParam().check(problem());
  EXPECT_FALSE(rows.empty());
  for (const Row& row : rows) {
    EXPECT_TRUE(row.holds) << row.case_name << ": " << row.lhs << " " << to_string(row.relation) << " " << row.rhs
                           << ", error " << row.error << ", tolerance " << row.tolerance;
  }
}

INSTANTIATE_TEST_SUITE_P(Verify, EveryProposition, ::testing::ValuesIn(propositions()), [](const auto& instance) {
  return instance.param.name;
});

lab::Sweep wrong_penalties(
    const lab::Network& network,
    const lab::Batch& batch,
    const lab::Loss& loss,
    const lab::StepRules& rules,
    lab::SweepOptions options) {
  options.penalties = lab::Penalties::uniform(network.hidden_count(), (1 + 1e-9) / options.tau);
  return lab::sweep(network, batch, loss, rules, options);
}

lab::Sweep sweep_with_another_step_size(
    const lab::Network& network,
    const lab::Batch& batch,
    const lab::Loss& loss,
    const lab::StepRules&,
    const lab::SweepOptions& options) {
  return lab::sweep(network, batch, loss, lab::algorithm_2({.tau_theta = 0.06}), options);
}

TEST(Proposition1, PenaltiesOtherThanOneOverTauAreCaught) {
  EXPECT_GT(failures(check_proposition_1(problem(), wrong_penalties)), 0);
}

TEST(Proposition1, AProximalStepInPlaceOfTheExplicitOneIsCaught) {
  EXPECT_GT(failures(check_proposition_1(problem(), sweep_with_another_step_size)), 0);
}

TEST(Proposition2, AnAlgorithmWithAWrongTauIsCaught) {
  EXPECT_GT(failures(check_algorithm_2(problem(), sweep_with_another_step_size)), 0);
}

TEST(Proposition2, AWrongTauIsCaught) {
  EXPECT_GT(failures(check_proposition_2(problem(), wrong_tau)), 0);
}

TEST(Proposition2, AStaleGramIsCaught) {
  EXPECT_GT(failures(check_proposition_2(problem(), StaleGram())), 0);
}

TEST(Proposition2, AnAddedEpsilonIsCaught) {
  EXPECT_GT(failures(check_proposition_2(problem(), added_epsilon)), 0);
}

TEST(Proposition2, AMeanOverTheWrongNumberOfRowsIsCaught) {
  EXPECT_EQ(holding(check_proposition_2(problem(), mean_over_a_row_more), "mean scaling"), 0);
}

TEST(Proposition3, AStepThatIsNotZeroAtStationaryPointsIsCaught) {
  EXPECT_GT(failures(check_proposition_3(problem(), offset)), 0);
}

TEST(Proposition3, AStepThatVanishesElsewhereIsCaught) {
  EXPECT_GT(failures(check_proposition_3(problem(), vanishing)), 0);
}

TEST(Proposition3, AStepThatDoesNotComeToRestIsCaught) {
  EXPECT_GT(failures(check_proposition_3(problem(), wrong_sign)), 0);
}

TEST(Proposition4, AWrongSignIsCaught) {
  EXPECT_GT(failures(check_proposition_4(problem(), wrong_sign)), 0);
}

TEST(Proposition4, ADescentDirectionNearlyOrthogonalToTheGradientIsCaught) {
  EXPECT_GT(failures(check_proposition_4(problem(), nearly_orthogonal)), 0);
}

TEST(Proposition4, NaNInTheMidstOfARunIsCaught) {
  EXPECT_EQ(holding(check_proposition_4(problem(), NanInARun(10)), "30 steps"), 0);
}

TEST(Proposition5, NaNAtOneNumberOfIterationsIsCaught) {
  const std::vector<Row> rows = check_proposition_5(problem(), nan_at_7_iterations);
  EXPECT_EQ(holding(rows, "least cos"), 0);
  EXPECT_EQ(holding(rows, "2 <b, x_k> - <x_k, M x_k>"), 0);
}

TEST(Proposition5, AWrongSignAtTheLastIterationAloneIsCaught) {
  EXPECT_EQ(holding(check_proposition_5(problem(), wrong_sign_at_20_iterations), "least cos"), 0);
}

TEST(Proposition5, AWrongSignIsCaught) {
  EXPECT_GT(failures(check_proposition_5(problem(), wrong_sign)), 0);
}

TEST(Proposition5, AnIterationTooManyIsCaught) {
  EXPECT_GT(failures(check_proposition_5(problem(), one_iteration_more)), 0);
}

TEST(Proposition5, IteratesThatDoNotGrowAreCaught) {
  EXPECT_GT(failures(check_proposition_5(problem(), always_exact)), 0);
}

TEST(Proposition5, AnAddedEpsilonIsCaught) {
  EXPECT_GT(failures(check_proposition_5(problem(), added_epsilon)), 0);
}

TEST(StochasticConvergence, AWrongSignIsCaught) {
  EXPECT_GT(failures(check_stochastic_convergence(problem(), wrong_sign)), 0);
}

TEST(StochasticConvergence, AStepThatIsTooShortForItsMetricIsCaught) {
  EXPECT_GT(failures(check_stochastic_convergence(problem(), vanishing)), 0);
}

TEST(Stability, AnExplicitStepInItsPlaceIsCaught) {
  EXPECT_GT(failures(check_stability(problem(), explicit_step)), 0);
}

TEST(Stability, AWrongSignIsCaught) {
  EXPECT_GT(failures(check_stability(problem(), wrong_sign)), 0);
}

}  // namespace
}  // namespace proxprop::verify
