// The step rules of theta against a dense solve of eq. 11.

#include "lab/theta_rules.h"

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

using namespace proxprop::testing;

TEST(ProximalTheta, SolvesEquation11ForEveryTransfer) {
  for (const TransferCase& c : transfer_cases()) {
    const auto instance = c.make(at::kDouble);
    const auto dz = instance.grad_output;
    const ProximalTheta rule({.tau_theta = 0.7});
    const ThetaStep step = rule.step({*instance.transfer, dz, 3.0, 0.1});
    EXPECT_EQ(step.summary.status, Status::ok);
    EXPECT_LT(relative_error(flatten(step.displacement), dense_direction(*instance.transfer, dz, 0.7)), 1e-9) << c.name;
  }
}

// The explicit step has the factor tau rho of eq. 3, the proximal one does not: its penalty has weight 1.
TEST(ProximalTheta, TendsToTheExplicitStepOverTauRhoForSmallTauTheta) {
  for (const TransferCase& c : transfer_cases()) {
    const auto instance = c.make(at::kDouble);
    const double tau_theta = 1e-9;
    const ProximalTheta implicit({.tau_theta = tau_theta});
    const double rho = 3, tau = 0.1;
    const auto near = implicit.step({*instance.transfer, instance.grad_output, rho, tau});
    const auto limit = ExplicitTheta().step({*instance.transfer, instance.grad_output, rho, tau});
    EXPECT_LT(relative_error(flatten(near.displacement) / tau_theta, flatten(limit.displacement) / (tau * rho)), 1e-5)
        << c.name;
  }
}

TEST(ProximalTheta, TakesTheCouplingOfTheLayerWhereNoneIsSaid) {
  torch::manual_seed(1);
  const DenseTransfer transfer(torch::randn({20, 6}, torch::kDouble), 3, {});
  const auto dz = torch::randn({20, 3}, torch::kDouble);
  const auto by_rule = [&](std::optional<Coupling> said, Coupling kind) {
    const ProximalTheta rule({.solver = ConjugateGradient{2, 0.0, said}});
    return flatten(rule.step({transfer, dz, 1.0, 1.0, kind}).displacement);
  };
  EXPECT_TRUE(torch::equal(by_rule({}, Coupling::joint), by_rule(Coupling::joint, Coupling::per_output)));
  EXPECT_FALSE(torch::equal(by_rule({}, Coupling::joint), by_rule({}, Coupling::per_output)));
}

}  // namespace
}  // namespace proxprop::lab
