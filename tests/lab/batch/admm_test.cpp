// ADMM: each block update minimises the augmented Lagrangian over its block, the proximal steps of the losses against
// brute force, and a problem that it trains.

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
      admm.start(problem.input);
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
  admm.start(problem.input);
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

double accuracy(const lab::Network& network, const Data& problem) {
  return network.forward(problem.input).z.back().argmax(1).eq(problem.labels).to(torch::kDouble).mean().item<double>();
}

TEST(Admm, TrainsATinyProblem) {
  const Data problem = data(200);
  for (const auto& loss : losses(problem.labels)) {
    Admm admm(mlp({5, 16, 3}, activations()[2]), {1, 10});
    torch::manual_seed(5);
    admm.start(problem.input);
    for (int i = 0; i < 100; ++i)
      admm.iterate(problem.input, *loss, i >= 10);
    EXPECT_GT(accuracy(admm.network(), problem), 0.85);
  }
}

TEST(Admm, PenaltiesMustBePositive) {
  EXPECT_THROW(Admm(mlp({5, 3}, activations()[0]), {0, 1}), c10::Error);
  EXPECT_THROW(Admm(mlp({5, 3}, activations()[0]), {1, -1}), c10::Error);
}

}  // namespace
}  // namespace proxprop::batch
