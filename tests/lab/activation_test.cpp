// Activations against differences of their own values.

#include "lab/activation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

std::vector<std::shared_ptr<const Activation>> all() {
  return {
      std::make_shared<PiecewiseLinear>(0.0), std::make_shared<PiecewiseLinear>(0.01),
      std::make_shared<PiecewiseLinear>(1.0), std::make_shared<Tanh>(), std::make_shared<Sigmoid>()};
}

at::Tensor points() {
  torch::manual_seed(1);
  return 3 * torch::randn({200}, torch::kDouble);
}

TEST(Activation, DerivativeIsThatOfTheValue) {
  const auto z = points();
  const double h = 1e-6;
  for (const auto& sigma : all()) {
    const auto numeric = (sigma->value(z + h) - sigma->value(z - h)) / (2 * h);
    EXPECT_LT((numeric - sigma->derivative(z)).abs().max().item<double>(), 1e-8) << sigma->name();
  }
}

TEST(Activation, SecondDerivativeIsThatOfTheDerivativeAndBounded) {
  const auto z = points();
  const double h = 1e-6;
  for (const auto& any : all()) {
    const auto sigma = std::dynamic_pointer_cast<const Smooth>(any);
    if (!sigma)
      continue;
    const auto numeric = (sigma->derivative(z + h) - sigma->derivative(z - h)) / (2 * h);
    EXPECT_LT((numeric - sigma->second_derivative(z)).abs().max().item<double>(), 1e-8) << sigma->name();
    const auto grid = torch::linspace(-10, 10, 200001, torch::kDouble);
    EXPECT_NEAR(sigma->derivative(grid).max().item<double>(), sigma->largest_derivative(), 1e-9);
    EXPECT_NEAR(sigma->second_derivative(grid).abs().max().item<double>(), sigma->largest_second_derivative(), 1e-8);
  }
}

TEST(Activation, IncrementOfATinyStepKeepsItsDigits) {
  const auto z = points().clamp(-4, 4);
  for (const double size : {1e-3, 1e-9}) {
    const auto u = size * torch::randn({200}, torch::kDouble);
    for (const auto& any : all()) {
      const auto sigma = std::dynamic_pointer_cast<const Smooth>(any);
      if (!sigma)
        continue;
      // Taylor, whose next term is of relative size u^2
      const auto expected = sigma->derivative(z) * u + sigma->second_derivative(z) * u.square() / 2;
      const auto error = (sigma->increment(z, u) - expected).abs() / expected.abs();
      EXPECT_LT(error.max().item<double>(), 2 * size * size * 16 + 1e-11) << sigma->name();
    }
  }
}

}  // namespace
}  // namespace proxprop::lab
