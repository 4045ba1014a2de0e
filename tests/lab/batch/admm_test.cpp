// ADMM: each block update minimises the augmented Lagrangian over its block, whole iterations against the paper's
// formulas written down a second time, the proximal steps of the losses against brute force, and what it fits from
// either start.

#include "lab/batch/admm.h"
#include "networks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace proxprop::batch {
namespace {

using testing::activations;
using testing::mlp;

struct Data {
  at::Tensor input, labels;
};

Data data(int64_t records = 30) {
  torch::manual_seed(7);
  const at::Tensor input = torch::randn({records, 5}, torch::kDouble);
  return {input, at::mm(input, torch::randn({5, 3}, torch::kDouble)).argmax(1)};
}

std::vector<std::unique_ptr<OutputLoss>> losses(const at::Tensor& labels) {
  std::vector<std::unique_ptr<OutputLoss>> all;
  all.push_back(summed_cross_entropy(labels));
  all.push_back(summed_squared_error(labels));
  all.push_back(summed_hinge(labels));
  return all;
}

// The Lagrangian with one block moved in random directions, by small and large steps.
void expect_minimal(Admm& admm, AdmmBlock block, int64_t layer, const Data& data, const OutputLoss& loss) {
  if (block == AdmmBlock::multiplier)
    return;
  const double found = admm.lagrangian(data.input, loss);
  const double allowed = 1e-10 * std::abs(found);
  const AdmmVariables kept = admm.variables();
  torch::manual_seed(99);
  for (const double size : {1e-4, 1e-2, 1.0, 10.0}) {
    for (int i = 0; i < 10; ++i) {
      AdmmVariables moved = kept;
      std::vector<at::Tensor> parameters;
      std::vector<at::Tensor> before;
      if (block == AdmmBlock::w) {
        for (at::Tensor& parameter : (parameters = admm.network().layer(layer).parameters())) {
          at::NoGradGuard no_grad;
          before.push_back(parameter.clone());
          parameter.add_(size * torch::randn_like(parameter));
        }
      } else {
        at::Tensor& variable = block == AdmmBlock::a ? moved.a[layer] : moved.z[layer];
        variable = variable + size * torch::randn_like(variable);
      }
      admm.set_variables(moved);
      EXPECT_GE(admm.lagrangian(data.input, loss), found - allowed)
          << "block " << static_cast<int>(block) << " layer " << layer << " size " << size;
      for (size_t p = 0; p < before.size(); ++p) {
        at::NoGradGuard no_grad;
        parameters[p].copy_(before[p]);
      }
    }
  }
  admm.set_variables(kept);
}

TEST(Admm, EveryBlockUpdateMinimisesTheLagrangianOverItsBlock) {
  const Data problem = data();
  for (const auto& activation : activations()) {
    for (const auto& loss : losses(problem.labels)) {
      Admm admm(mlp({5, 7, 6, 3}, activation), {0.7, 3});
      torch::manual_seed(3);
      admm.start(problem.input, AdmmStart::random);
      for (int i = 0; i < 3; ++i)
        admm.iterate(problem.input, *loss, i > 0, [&](AdmmBlock block, int64_t layer) {
          if (i == 2)
            expect_minimal(admm, block, layer, problem, *loss);
        });
    }
  }
}

TEST(Admm, TheLagrangianFallsDuringWarmUp) {
  const Data problem = data();
  const auto loss = summed_cross_entropy(problem.labels);
  Admm admm(mlp({5, 7, 6, 3}, activations()[2]), {1, 10});
  admm.start(problem.input, AdmmStart::random);
  double before = admm.lagrangian(problem.input, *loss);
  for (int i = 0; i < 20; ++i) {
    admm.iterate(problem.input, *loss, false);
    const double after = admm.lagrangian(problem.input, *loss);
    EXPECT_LE(after, before * (1 + 1e-12));
    before = after;
  }
}

TEST(Admm, ProximalStepsOfTheLossesAreTheBestOfAGrid) {
  const at::Tensor labels = torch::tensor({0, 1}, torch::kLong);
  const at::Tensor grid = torch::linspace(-3, 3, 601, torch::kDouble);
  for (const auto& loss : losses(labels)) {
    for (const double t : {0.1, 0.5, 2.0}) {
      const at::Tensor v = torch::tensor({{0.3, -0.4}, {1.2, 0.9}}, torch::kDouble);
      const at::Tensor found = loss->proximal(v, t);
      const auto objective = [&](const at::Tensor& z) {
        return t * loss->value(z) + (z - v).square().sum().item<double>() / 2;
      };
      const double minimum = objective(found);
      for (int64_t entry = 0; entry < 4; ++entry) {
        for (int64_t i = 0; i < grid.numel(); ++i) {
          at::Tensor z = found.clone();
          z.view({-1})[entry] = grid[i];
          EXPECT_GE(objective(z), minimum - 1e-12);
        }
      }
    }
  }
}

TEST(Admm, TheHingeIsThePapers) {
  const auto loss = summed_hinge(torch::tensor({1}, torch::kLong));
  EXPECT_DOUBLE_EQ(loss->value(torch::tensor({{-0.5, 2.0}}, torch::kDouble)), 0);
  EXPECT_DOUBLE_EQ(loss->value(torch::tensor({{0.5, 0.25}}, torch::kDouble)), 0.5 + 0.75);
}

TEST(Admm, TheForwardStartMeetsEveryConstraint) {
  const Data problem = data();
  Admm admm(mlp({5, 7, 6, 3}, activations()[2]), {0.7, 3});
  admm.start(problem.input, AdmmStart::forward);
  const auto loss = summed_cross_entropy(problem.labels);
  EXPECT_DOUBLE_EQ(admm.lagrangian(problem.input, *loss), loss->value(admm.variables().z.back()));
}

// The paper's Algorithm 1 for ReLU as it is written: the pseudoinverse, the inverse, and for each entry of z the better
// of the minimisers on the two sides of 0. A bias is a row of W for an input of one.
struct WrittenDown {
  at::Tensor extended(const at::Tensor& a) const { return at::cat({a, at::ones({a.size(0), 1}, a.options())}, 1); }
  at::Tensor image(size_t l) const { return at::mm(extended(l == 0 ? input : v.a[l - 1]), w[l]); }
  void fit(size_t l) { w[l] = at::mm(at::linalg_pinv(extended(l == 0 ? input : v.a[l - 1])), v.z[l]); }

  void iterate(const at::Tensor& one_hot, bool hinge, bool update_multiplier) {
    const size_t last = v.z.size() - 1;
    for (size_t l = 0; l < last; ++l) {
      fit(l);
      const at::Tensor above = w[l + 1].slice(0, 0, -1), bias = w[l + 1][-1];  // [in, out], as W^T of the paper
      const at::Tensor matrix = beta * at::mm(above, above.t()) + gamma * at::eye(above.size(0), at::kDouble);
      const at::Tensor right = beta * at::mm(v.z[l + 1] - bias, above.t()) + gamma * at::relu(v.z[l]);
      v.a[l] = at::mm(right, at::linalg_inv(matrix));
      const at::Tensor m = image(l);
      const at::Tensor up = ((gamma * v.a[l] + beta * m) / (gamma + beta)).clamp_min(0), down = m.clamp_max(0);
      const at::Tensor at_up = gamma * (v.a[l] - up).square() + beta * (up - m).square();
      const at::Tensor at_down = gamma * v.a[l].square() + beta * (down - m).square();
      v.z[l] = at::where(at_up < at_down, up, down);
    }
    fit(last);
    const at::Tensor m = image(last);
    v.z[last] = hinge ? least_hinge(m, one_hot) : (one_hot - v.multiplier + 2 * beta * m) / (1 + 2 * beta);
    if (update_multiplier)
      v.multiplier = v.multiplier + beta * (v.z[last] - m);
  }

  // Of the edges, 0 and 1, and the stationary points of the two slopes, -1 or 1 and 0, entry by entry.
  at::Tensor least_hinge(const at::Tensor& m, const at::Tensor& one_hot) const {
    const at::Tensor sign = 1 - 2 * one_hot;  // of the slope where there is a loss
    const auto value = [&](const at::Tensor& z) {
      const at::Tensor loss = at::where(one_hot > 0, 1 - z, z).clamp_min(0);
      return loss + z * v.multiplier + beta * (z - m).square();
    };
    at::Tensor best = one_hot;
    for (const at::Tensor& z : {m - v.multiplier / (2 * beta), m - (v.multiplier + sign) / (2 * beta)})
      best = at::where(value(z) < value(best), z, best);
    return best;
  }

  at::Tensor input;
  std::vector<at::Tensor> w;
  AdmmVariables v;
  double beta = 1, gamma = 10;
};

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& what) {
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-9 * expected.abs().max().item<double>()) << what;
}

TEST(Admm, IterationsAreThePapersFormulas) {
  const Data problem = data(200);
  const at::Tensor one_hot = torch::one_hot(problem.labels, 3).to(torch::kDouble);
  for (const AdmmStart start : {AdmmStart::random, AdmmStart::forward}) {
    for (const bool hinge : {true, false}) {
      const auto loss = hinge ? summed_hinge(problem.labels) : summed_squared_error(problem.labels);
      Admm admm(mlp({5, 7, 6, 3}, activations()[2]), {1, 10});
      torch::manual_seed(5);
      admm.start(problem.input, start);
      WrittenDown paper;
      paper.input = problem.input;
      paper.v = admm.variables();
      for (int64_t l = 0; l < 3; ++l) {
        const std::vector<at::Tensor> parameters = admm.network().layer(l).parameters();
        paper.w.push_back(at::cat({parameters[0].detach().t(), parameters[1].detach().unsqueeze(0)}));
      }
      for (int i = 0; i < 15; ++i) {
        admm.iterate(problem.input, *loss, i >= 5);
        paper.iterate(one_hot, hinge, i >= 5);
        const std::string what = "iteration " + std::to_string(i) + (hinge ? " hinge" : " squared");
        for (size_t l = 0; l < 3; ++l)
          expect_close(admm.variables().z[l], paper.v.z[l], what + " z " + std::to_string(l));
        for (size_t l = 0; l < 2; ++l)
          expect_close(admm.variables().a[l], paper.v.a[l], what + " a " + std::to_string(l));
        if (i >= 5)
          expect_close(admm.variables().multiplier, paper.v.multiplier, what + " multiplier");
      }
    }
  }
}

double accuracy(const at::Tensor& output, const at::Tensor& labels) {
  return output.argmax(1).eq(labels).to(torch::kDouble).mean().item<double>();
}

// Two classes of six clusters each in 30 dimensions: many records, few inputs.
Data clusters(int64_t records) {
  torch::manual_seed(11);
  const at::Tensor centres = 0.9 * torch::randn({12, 30}, torch::kDouble);
  const at::Tensor cluster = torch::randint(0, 12, {records}, torch::kLong);
  return {
      centres.index_select(0, cluster) + torch::randn({records, 30}, torch::kDouble), (cluster >= 6).to(torch::kLong)};
}

double accuracy_after(int iterations, AdmmStart start, const Data& problem) {
  Admm admm(mlp({30, 50, 2}, activations()[2]), {1, 10});
  torch::manual_seed(5);
  admm.start(problem.input, start);
  const auto loss = summed_hinge(problem.labels);
  for (int i = 0; i < iterations; ++i)
    admm.iterate(problem.input, *loss, i >= 10);
  return accuracy(admm.network().forward(problem.input).z.back(), problem.labels);
}

// From random a and z the paper's algorithm gets as far as linear least squares on the data, and no farther.
TEST(Admm, FitsWhatALinearClassifierDoesFromTheRandomStartAndMoreFromTheForwardStart) {
  const Data problem = clusters(4000);
  const at::Tensor extended = at::cat({problem.input, torch::ones({4000, 1}, torch::kDouble)}, 1);
  const at::Tensor targets = torch::one_hot(problem.labels, 2).to(torch::kDouble);
  const double linear = accuracy(at::mm(extended, at::mm(at::linalg_pinv(extended), targets)), problem.labels);
  const double random = accuracy_after(40, AdmmStart::random, problem);
  const double forward = accuracy_after(40, AdmmStart::forward, problem);
  EXPECT_GT(linear, 0.75);  // chance is a half
  EXPECT_NEAR(random, linear, 0.015);
  EXPECT_GT(forward, linear + 0.02);
  RecordProperty("accuracies", std::to_string(linear) + " " + std::to_string(random) + " " + std::to_string(forward));
}

TEST(Admm, PenaltiesMustBePositive) {
  EXPECT_THROW(Admm(mlp({5, 3}, activations()[0]), {0, 1}), c10::Error);
  EXPECT_THROW(Admm(mlp({5, 3}, activations()[0]), {1, -1}), c10::Error);
}

}  // namespace
}  // namespace proxprop::batch
