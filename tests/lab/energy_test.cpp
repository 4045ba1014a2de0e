// E of eq. 3 against its own derivatives, and the records of what a sweep does to it.

#include "lab/energy_record.h"
#include "lab/a_rules.h"
#include "lab/last_rules.h"
#include "lab/theta_rules.h"
#include "lab/z_rules.h"
#include "models.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

namespace proxprop::lab {
namespace {

using namespace testing;

// The derivative of E along each entry of `variable`, by central differences.
at::Tensor numeric_gradient(const at::Tensor& variable, const std::function<double()>& value) {
  const double h = 1e-5;
  auto gradient = torch::zeros_like(variable);
  auto entries = variable.detach().view({-1});
  for (int64_t i = 0; i < entries.numel(); ++i) {
    const double old = entries[i].item<double>();
    entries[i] = old + h;
    const double above = value();
    entries[i] = old - h;
    const double below = value();
    entries[i] = old;
    gradient.view({-1})[i] = (above - below) / (2 * h);
  }
  return gradient;
}

TEST(Energy, IsTheLossAtTheForwardPass) {
  for (const Model& model : {mlp(), convnet()}) {
    auto plain = model.plain();
    const Network network(plain);
    const auto activations = network.forward(model.batch.input);
    const auto e = energy(
        network, activations, CrossEntropy(), model.batch.targets, Penalties::uniform(network.hidden_count(), 10.0));
    const auto loss =
        torch::nn::functional::cross_entropy(plain->forward(model.batch.input), model.batch.targets).item<double>();
    EXPECT_NEAR(e.total(), loss, 1e-14 * loss) << model.name;
    EXPECT_NEAR(e.loss, loss, 1e-14 * loss);
  }
}

// Each explicit step of Algorithm 1 is a gradient step on E, at the point where the algorithm takes it, for penalties
// that differ from layer to layer.
TEST(Algorithm1, EveryBlockTakesAGradientStepOnE) {
  for (const Model& model : {mlp(), convnet()}) {
    auto plain = model.plain();
    const Network network(plain);
    SweepOptions options{0.3, {}};
    for (int64_t l = 0; l < network.hidden_count(); ++l) {
      options.penalties.rho.push_back(2.0 + l);
      options.penalties.gamma.push_back(1.5 + 0.5 * l);
    }
    const CrossEntropy loss;
    Activations at = network.forward(model.batch.input);
    const auto value = [&] { return energy(network, at, loss, model.batch.targets, options.penalties).total(); };
    const auto expect_step = [&](const at::Tensor& variable, const at::Tensor& displacement, const std::string& what) {
      const auto difference = displacement / options.tau - numeric_gradient(variable, value);
      // rounding of E over the step of the difference, in each entry
      const double noise = 3e-10 * std::sqrt(double(variable.numel()));
      EXPECT_LT(difference.norm().item<double>(), noise) << model.name << ": " << what;
      EXPECT_GT(displacement.norm().item<double>(), 1e5 * noise) << "a step too small to be judged: " << what;
    };
    const auto expect_theta = [&](int64_t l, const Sweep& so_far) {
      const auto parameters = network.layer(l).parameters();
      for (size_t i = 0; i < parameters.size(); ++i)
        expect_step(parameters[i], options.tau * so_far.directions[l][i], "theta " + std::to_string(l));
    };
    const auto check_block = [&](Block block, int64_t l, const Sweep& so_far) {
      if (block == Block::theta || block == Block::last)
        expect_theta(l, so_far);
      if (block == Block::a) {
        expect_step(at.a[l], so_far.a_displacement[l], "a " + std::to_string(l));
        at.a[l] = at.a[l] - so_far.a_displacement[l];
      }
      if (block == Block::z) {
        expect_step(at.z[l], so_far.z_displacement[l], "z " + std::to_string(l));
        at.z[l] = at.z[l] - so_far.z_displacement[l];
      }
    };
    sweep(network, model.batch, loss, algorithm_1(), options, check_block);
  }
}

StepRules implicit_rules() {
  return {
      std::make_shared<ImplicitZ>(), std::make_shared<ImplicitA>(), std::make_shared<ImplicitLast>(),
      std::make_shared<ProximalTheta>(ProximalOptions{.tau_theta = 50.0})};
}

// Section 4.1: a proximal step decreases E whatever its step size. Elementwise chains, where the step of z is exact.
TEST(EnergyRecord, ImplicitStepsNeverIncreaseE) {
  const Model model = mlp();
  auto plain = model.plain();
  const Network network(plain);
  for (const double tau : {1e-3, 1.0, 1e3}) {
    const auto record = recorded_sweep(network, model.batch, CrossEntropy(), implicit_rules(), {tau, {}});
    ASSERT_EQ(record.energies.size(), 1u + 3 + 3 + 3);
    for (const BlockEnergy& block : record.energies) {
      if (block.block == Block::last)
        continue;  // theta_{L-1}: explicit
      EXPECT_LE(block.after, block.before * (1 + 1e-14)) << to_string(block.block) << " " << block.layer;
      EXPECT_LT(block.after, block.before);
    }
  }
}

TEST(EnergyRecord, BeginsAtTheLossAndChainsBlocks) {
  const Model model = convnet();
  auto plain = model.plain();
  const Network network(plain);
  const auto record = recorded_sweep(network, model.batch, CrossEntropy(), algorithm_1(), {0.01, {}});
  const auto& blocks = record.energies;
  EXPECT_NEAR(blocks.front().before, record.sweep.loss.item<double>(), 1e-13);
  // last, a 2, z 1, theta 1, a 1, z 0, theta 0: theta's steps do not move the point that the next block starts from
  ASSERT_EQ(blocks.size(), 7u);
  EXPECT_EQ(blocks[1].before, blocks[0].before);
  EXPECT_EQ(blocks[2].before, blocks[1].after);
  EXPECT_EQ(blocks[3].before, blocks[2].after);
  EXPECT_EQ(blocks[4].before, blocks[3].before);
  EXPECT_EQ(blocks[5].before, blocks[4].after);
}

TEST(EnergyRecord, Float32SweepHasTheEnergiesOfFloat64) {
  const Model model = mlp();
  auto plain = model.plain();
  const Network network(plain);
  const Network single = network.copy(torch::kFloat);
  const Batch batch{model.batch.input.to(torch::kFloat), model.batch.targets};
  for (const StepRules& rules : {algorithm_1(), implicit_rules()}) {
    const auto exact = recorded_sweep(network, model.batch, CrossEntropy(), rules, {1e-3, {}});
    const auto record = recorded_sweep(single, batch, CrossEntropy(), rules, {1e-3, {}});
    for (size_t i = 0; i < record.energies.size(); ++i) {
      const double expected = exact.energies[i].before - exact.energies[i].after;
      const double found = record.energies[i].before - record.energies[i].after;
      // Each energy is rounded to float64; the last decreases are not much larger than that.
      const double rounding = 4 * std::numeric_limits<double>::epsilon() * exact.energies[i].before;
      EXPECT_NEAR(found, expected, 1e-4 * std::abs(expected) + rounding) << i;
    }
  }
}

TEST(Energy, RefusesDropout) {
  torch::nn::Sequential model =
      sequential(torch::nn::Linear(4, 3), torch::nn::ReLU(), torch::nn::Dropout(0.5), torch::nn::Linear(3, 2));
  const Network network(model);
  const auto batch = classification({5, 4}, 2);
  const auto evaluate = [&] {
    energy(network, network.forward(batch.input), CrossEntropy(), batch.targets, Penalties::uniform(1, 1));
  };
  EXPECT_THROW(evaluate(), c10::Error);
  model->eval();
  EXPECT_NO_THROW(evaluate());
}

}  // namespace
}  // namespace proxprop::lab
