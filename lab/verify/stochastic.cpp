// Section 4.2.3 says that stochastic steps converge by theorem 4.9 of Bottou, Curtis, Nocedal (2016) for steps alpha_k
// with sum alpha_k infinite and sum alpha_k^2 finite, since the eigenvalues of M^-1 lie in [mu, tau_theta], mu = 1 /
// (beta + c). The theorem's assumption 4.3 asks that the mean direction keeps to the gradient of F:
//
//     <grad F, E V> >= mu |grad F|^2,   |E V| <= tau_theta |grad F|,   E |V|^2 <= tau_theta^2 E |g|^2.
//
// That follows where M comes from a batch of its own: E V = E[M^-1] grad F. Then, with L the Lipschitz constant,
//
//     E F(theta - alpha V) <= F - alpha mu |grad F|^2 + alpha^2 L/2 E |V|^2,
//
// and the sum over k bounds the weighted mean of |grad F|^2, which goes to 0 like 1 / sum alpha_k. Expectations over ten
// batches are taken exactly, as means over all pairs.
//
// Where M and the gradient come from the same batch, as in training, E[M^-1 g] = E[M^-1] grad F + cov, and only
//
//     <grad F, E V> >= mu |grad F|^2 - |grad F| cov,   cov <= sd(M^-1) sd(g)
//
// holds: steps come to rest where E V = 0, and there |grad F| <= (beta + c) sd(M^-1) sd(g) need not be 0. It is 0 for
// full batches, where all batches have the same M, and where every batch's own gradient vanishes.

#include "lab/verify/batches.h"
#include "lab/verify/text.h"

#include <ATen/ATen.h>

#include <cmath>

namespace proxprop::verify {
namespace {

constexpr double tau_theta = 1;

double squared(const at::Tensor& x) {
  return x.square().sum().item<double>();
}
double length(const at::Tensor& x) {
  return std::sqrt(squared(x));
}
double product(const at::Tensor& x, const at::Tensor& y) {
  return (x * y).sum().item<double>();
}

/// What can happen at a point, all equally likely.
struct Outcomes {
  std::vector<at::Tensor> directions;
  at::Tensor mean;
  double mean_square = 0;  ///< E |V|^2
};

Outcomes outcomes(const Regression& f, const at::Tensor& theta, bool same_batch, const DirectionRule& rule) {
  Outcomes all;
  all.mean = at::zeros_like(theta);
  for (int64_t i = 0; i < f.batches(); ++i) {
    for (int64_t j = 0; j < f.batches(); ++j) {
      if (same_batch && i != j)
        continue;
      all.directions.push_back(f.direction(theta, i, j, tau_theta, rule));
      all.mean += all.directions.back();
      all.mean_square += squared(all.directions.back());
    }
  }
  all.mean /= double(all.directions.size());
  all.mean_square /= double(all.directions.size());
  return all;
}

double mean_square_of_batch_gradients(const Regression& f, const at::Tensor& theta) {
  double total = 0;
  for (int64_t i = 0; i < f.batches(); ++i)
    total += squared(f.batch_gradient(theta, i));
  return total / double(f.batches());
}

double lower_bound(const Regression& f) {
  return 1 / (1 / tau_theta + f.lambda_max());
}

void check_point(
    Rows& rows, const std::string& name, const Regression& f, const at::Tensor& theta, double alpha,
    const DirectionRule& rule) {
  constexpr double slack = 1e-10;
  const double mu = lower_bound(f);
  const at::Tensor gradient = f.gradient(theta);
  const Outcomes all = outcomes(f, theta, false, rule);
  rows.at_least(name + ": <grad F, E V> and mu |grad F|^2", product(gradient, all.mean), mu * squared(gradient), slack);
  rows.at_most(name + ": |E V| and tau_theta |grad F|", length(all.mean), tau_theta * length(gradient), slack);
  rows.at_most(
      name + ": E |V|^2 and tau_theta^2 E |g|^2", all.mean_square,
      tau_theta * tau_theta * mean_square_of_batch_gradients(f, theta), slack);
  double next = 0;
  for (const at::Tensor& v : all.directions)
    next += f.value(theta - alpha * v) / double(all.directions.size());
  rows.at_most(
      name + ": E F(theta - alpha V) and F - alpha mu |grad F|^2 + alpha^2 L/2 E |V|^2", next,
      f.value(theta) - alpha * mu * squared(gradient) + alpha * alpha * f.lipschitz() / 2 * all.mean_square, slack);
}

/// alpha_k = 20 (1 + k)^-3/4: the sum is infinite, that of the squares is not.
double step_size(int64_t k) {
  return 20 * std::pow(1.0 + double(k), -0.75);
}

/// Random batches, the same on every platform.
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed) {}
  int64_t operator()(int64_t count) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return int64_t((state_ >> 33) % uint64_t(count));
  }

 private:
  uint64_t state_;
};

// Independent batches for gradient and metric. Summing the descent over k gives
//     mu sum alpha_k E |grad F_k|^2 <= F_0 + L/2 sum alpha_k^2 E |V_k|^2,
// as F >= 0; means over some runs stand for the expectations.
void check_convergence(Rows& rows, const Regression& f, uint64_t seed, const DirectionRule& rule) {
  constexpr int64_t runs = 4, steps = 1000;
  std::vector<double> gradients(steps, 0.0), directions(steps, 0.0);  // squared, means over the runs
  for (int64_t run = 0; run < runs; ++run) {
    Draw draw(seed * 1000 + uint64_t(run));
    at::Tensor theta = f.start();
    for (int64_t k = 0; k < steps; ++k) {
      const int64_t i = draw(f.batches()), j = draw(f.batches());
      const at::Tensor v = f.direction(theta, i, j, tau_theta, rule);
      gradients[k] += squared(f.gradient(theta)) / runs;
      directions[k] += squared(v) / runs;
      theta = theta - step_size(k) * v;
      if (run == 0 && (k == 9 || k == steps - 1))
        check_point(rows, "after " + std::to_string(k + 1) + " steps", f, theta, step_size(k), rule);
    }
  }
  double sum = 0, weighted = 0, noise = 0, before = 0;
  for (int64_t k = 0; k < steps; ++k) {
    sum += step_size(k);
    weighted += step_size(k) * gradients[k];
    noise += f.lipschitz() / 2 * step_size(k) * step_size(k) * directions[k];
    if (k + 1 != 10 && k + 1 != 100 && k + 1 != steps)
      continue;
    const std::string name = std::to_string(k + 1) + " steps, mean of 4 runs: weighted mean of |grad F|^2";
    rows.at_most(
        name + ", and (F_0 + L/2 sum alpha^2 |V|^2) / (mu sum alpha)", weighted / sum,
        (f.value(f.start()) + noise) / (lower_bound(f) * sum));
    if (before > 0)
      rows.less(name + ", and after a tenth of the steps", weighted / sum, before);
    before = weighted / sum;
  }
}

// sd(M^-1) in the spectral norm, and sd(g).
double covariance_bound(const Regression& f, const at::Tensor& theta) {
  at::Tensor mean = at::zeros_like(f.inverse_metric(0, tau_theta));
  for (int64_t i = 0; i < f.batches(); ++i)
    mean += f.inverse_metric(i, tau_theta) / double(f.batches());
  double metric = 0;
  for (int64_t i = 0; i < f.batches(); ++i) {
    const double distance = at::linalg_matrix_norm(f.inverse_metric(i, tau_theta) - mean, 2).item<double>();
    metric += distance * distance / double(f.batches());
  }
  return std::sqrt(metric * (mean_square_of_batch_gradients(f, theta) - squared(f.gradient(theta))));
}

void check_same_batch(
    Rows& rows, const std::string& name, const Regression& f, const at::Tensor& theta, const DirectionRule& rule) {
  const at::Tensor gradient = f.gradient(theta);
  const at::Tensor mean = outcomes(f, theta, true, rule).mean;
  const double bound = covariance_bound(f, theta);
  rows.at_least(
      name + ": <grad F, E V> and mu |grad F|^2 - |grad F| sd(M^-1) sd(g)", product(gradient, mean),
      lower_bound(f) * squared(gradient) - length(gradient) * bound);
  rows.at_most(
      name + ": |grad F| and (beta + c) (|E V| + sd(M^-1) sd(g))", length(gradient),
      (length(mean) + bound) / lower_bound(f));
}

// With squared errors the point where E V = 0 is the solution of a linear system. That steps come to rest there and not
// where grad F = 0 is what the last two rows say.
void check_rest_point(Rows& rows, const Regression& f, const DirectionRule& rule) {
  const std::string name = "same batch for M and g, squared error, where E V = 0";
  const at::Tensor theta = f.same_batch_rest(tau_theta);
  check_same_batch(rows, name, f, theta, rule);
  const double mean = length(outcomes(f, theta, true, rule).mean);
  rows.at_most(name + ": |E V| and 1e-10 |E V| at the start", mean, 1e-10 * length(outcomes(f, f.start(), true, rule).mean));
  rows.greater(
      name + ": |grad F| and (beta + c) |E V|, the bound that full batches have", length(f.gradient(theta)),
      mean / lower_bound(f));
}

}  // namespace

std::vector<Row> check_stochastic_convergence(const Problem& problem, const DirectionRule& direction) {
  Rows rows("stochastic");
  const Regression f(problem.data, RegressionLoss::cross_entropy);
  check_point(rows, "start", f, f.start(), 1, direction);
  check_convergence(rows, f, problem.seed, direction);
  check_same_batch(rows, "same batch for M and g, start", f, f.start(), direction);
  check_rest_point(rows, Regression(problem.data, RegressionLoss::squared_error), direction);
  return rows.take();
}

}  // namespace proxprop::verify
