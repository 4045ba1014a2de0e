// L-BFGS: its direction against dense BFGS, and convex functions down to rounding.

#include "lab/batch/lbfgs.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::batch {
namespace {

double length_of(const at::Tensor& x) {
  return x.norm().item<double>();
}

at::Tensor dense_inverse_hessian(const LbfgsHistory& history, int64_t n) {
  const at::Tensor identity = torch::eye(n, torch::kDouble);
  const at::Tensor& y = history.y.back();
  at::Tensor h = identity * (at::dot(history.s.back(), y) / at::dot(y, y));
  for (size_t i = 0; i < history.s.size(); ++i) {
    const at::Tensor rho = 1 / at::dot(history.s[i], history.y[i]);
    const at::Tensor v = identity - rho * at::outer(history.y[i], history.s[i]);
    h = at::linalg_multi_dot({v.t(), h, v}) + rho * at::outer(history.s[i], history.s[i]);
  }
  return h;
}

TEST(Lbfgs, TheTwoLoopsAreDenseBfgs) {
  torch::manual_seed(1);
  const at::Tensor root = torch::randn({9, 9}, torch::kDouble);
  const at::Tensor g = torch::randn({9}, torch::kDouble);
  LbfgsHistory history;
  EXPECT_TRUE(at::equal(lbfgs_direction(history, g), -g));
  for (int pairs = 1; pairs <= 5; ++pairs) {
    history.s.push_back(torch::randn({9}, torch::kDouble));
    history.y.push_back(at::mv(root, at::mv(root.t(), history.s.back())));
    const at::Tensor expected = -at::mv(dense_inverse_hessian(history, 9), g);
    EXPECT_LE(length_of(lbfgs_direction(history, g) - expected), 1e-11 * length_of(expected)) << pairs;
  }
}

// 1/2 x^T A x - <b, x> + shift, eigenvalues from 1 to `condition`.
Objective quadratic(int64_t n, double condition, double shift) {
  torch::manual_seed(2);
  const at::Tensor q = std::get<0>(at::linalg_qr(torch::randn({n, n}, torch::kDouble)));
  const at::Tensor values = at::pow(condition, torch::linspace(0, 1, n, torch::kDouble));
  const at::Tensor a = at::mm(q * values, q.t()), b = torch::randn({n}, torch::kDouble);
  return [=](const at::Tensor& x) {
    const at::Tensor ax = at::mv(a, x);
    return Evaluation{x, (at::dot(x, ax) / 2 - at::dot(b, x)).item<double>() + shift, ax - b};
  };
}

// The mean logistic loss of 200 records with random labels, which no hyperplane separates: strictly convex.
Evaluation logistic(const at::Tensor& x) {
  torch::manual_seed(3);
  const at::Tensor records = torch::randn({200, 12}, torch::kDouble) * torch::logspace(-1, 1, 12, 10, torch::kDouble);
  const at::Tensor signs = torch::randint(0, 2, {200}, torch::kDouble) * 2 - 1;
  const at::Tensor margins = at::mv(records, x) * signs;
  const at::Tensor gradient = -at::mv(records.t(), signs * at::sigmoid(-margins)) / 200;
  return {x, at::softplus(-margins).mean().item<double>(), gradient};
}

double relative_gradient_after(
    const Objective& f, const at::Tensor& x, int64_t iterations, double& evaluations, int64_t history_size = 20) {
  LbfgsOptions options;
  options.history_size = history_size;
  options.max_iter = iterations;
  LbfgsHistory history;
  const LbfgsResult result = lbfgs(f, x, options, history);
  evaluations = static_cast<double>(result.evaluations) / static_cast<double>(result.iterations);
  return length_of(result.last.gradient) / length_of(f(x).gradient);
}

TEST(Lbfgs, TakesGradientsOfConvexFunctionsDownToRounding) {
  double evaluations = 0;
  EXPECT_LE(relative_gradient_after(quadratic(10, 100, 0), torch::zeros({10}, torch::kDouble), 40, evaluations), 1e-9);
  EXPECT_LT(evaluations, 2);
  // A minimum whose value is 1e4 times what there was to gain: values are flat to rounding from gradients of 1e-6 on.
  EXPECT_LE(
      relative_gradient_after(quadratic(10, 100, 1e4), torch::zeros({10}, torch::kDouble), 60, evaluations), 1e-9);
  EXPECT_LE(
      relative_gradient_after(quadratic(40, 1e6, 1), torch::zeros({40}, torch::kDouble), 1000, evaluations, 60), 1e-9);
  EXPECT_LE(relative_gradient_after(logistic, torch::ones({12}, torch::kDouble), 400, evaluations), 1e-9);
}

Evaluation rosenbrock(const at::Tensor& x) {
  const double a = x[0].item<double>(), b = x[1].item<double>();
  const at::Tensor gradient = torch::tensor({-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)}, torch::kDouble);
  return {x, 100 * std::pow(b - a * a, 2) + std::pow(1 - a, 2), gradient};
}

TEST(Lbfgs, FollowsRosenbrocksValleyToItsEnd) {
  LbfgsOptions options;
  options.max_iter = 60;
  LbfgsHistory history;
  const LbfgsResult result = lbfgs(rosenbrock, torch::tensor({-1.2, 1.0}, torch::kDouble), options, history);
  EXPECT_LE(length_of(result.last.x - 1), 1e-9);
  EXPECT_LT(result.iterations, 50);
}

// Powers of two scale without rounding: whatever is not relative would show.
TEST(Lbfgs, DoesNotDependOnTheScaleOfTheFunction) {
  std::vector<at::Tensor> found;
  for (const double scale : {1.0, std::exp2(-80), std::exp2(80)}) {
    const auto scaled = [&](const at::Tensor& x) {
      const Evaluation f = logistic(x);
      return Evaluation{x, scale * f.value, scale * f.gradient};
    };
    LbfgsHistory history;
    found.push_back(lbfgs(scaled, torch::ones({12}, torch::kDouble), {}, history).last.x);
  }
  EXPECT_TRUE(at::equal(found[1], found[0]));
  EXPECT_TRUE(at::equal(found[2], found[0]));
}

TEST(Lbfgs, GoesOnFromItsHistoryAsIfItHadNotStopped) {
  const at::Tensor x = torch::ones({12}, torch::kDouble);
  LbfgsOptions options;
  options.history_size = 5;
  LbfgsHistory whole_history;
  const LbfgsResult whole = lbfgs(logistic, x, options, whole_history);
  EXPECT_EQ(whole_history.s.size(), 5u);
  options.max_iter = 7;
  LbfgsHistory history;
  const LbfgsResult first = lbfgs(logistic, x, options, history);
  options.max_iter = 13;
  EXPECT_TRUE(at::equal(lbfgs(logistic, first.last.x, options, history).last.x, whole.last.x));
}

TEST(Lbfgs, GivesUpAHistoryThatLeadsNowhere) {
  const Objective f = quadratic(6, 10, 0);
  LbfgsHistory history;
  history.s.push_back(torch::ones({6}, torch::kDouble));
  history.y.push_back(-torch::ones({6}, torch::kDouble));  // -H g goes up
  const at::Tensor x = torch::zeros({6}, torch::kDouble);
  const LbfgsResult result = lbfgs(f, x, {}, history);
  EXPECT_GT(result.iterations, 0);
  EXPECT_LT(result.last.value, f(x).value);
}

TEST(Lbfgs, EndsAtAStationaryPointAndWhereTheFunctionIsNotFinite) {
  const Objective f = quadratic(6, 10, 0);
  LbfgsHistory history;
  const auto flat = [](const at::Tensor& x) { return Evaluation{x, 1, torch::zeros_like(x)}; };
  EXPECT_EQ(lbfgs(flat, torch::ones({6}, torch::kDouble), {}, history).evaluations, 1);
  const auto nowhere = [](const at::Tensor& x) { return Evaluation{x, std::nan(""), x}; };
  EXPECT_EQ(lbfgs(nowhere, torch::ones({6}, torch::kDouble), {}, history).evaluations, 1);
}

}  // namespace
}  // namespace proxprop::batch
