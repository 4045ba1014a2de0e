// Losses and their Moreau envelopes against optimality conditions and differences.

#include "lab/last_rules.h"

#include "support/dense_reference.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

using proxprop::testing::relative_error;

struct Case {
  std::shared_ptr<const Loss> loss;
  at::Tensor output, targets;
};

std::vector<Case> cases() {
  torch::manual_seed(7);
  const auto output = 4 * torch::randn({6, 5}, torch::kDouble);
  const auto classes = torch::tensor({0, 4, 2, 2, 1, 3}, torch::kLong);
  return {
      {std::make_shared<CrossEntropy>(), output, classes},
      {std::make_shared<CrossEntropy>(), 100 * output, classes},
      {std::make_shared<SquaredError>(), output, torch::randn({6, 5}, torch::kDouble)}};
}

TEST(Loss, GradientIsThatOfTheValue) {
  for (const Case& c : cases()) {
    const auto variable = c.output.detach().requires_grad_();
    c.loss->value(variable, c.targets).backward();
    EXPECT_LT(relative_error(c.loss->gradient(c.output, c.targets), variable.grad()), 1e-14);
  }
}

TEST(MoreauLast, EnvelopeGradientIsTheLossGradientAtTheMinimiser) {
  // x = output - smoothing g minimises L(x) + |x - output|^2 / (2 smoothing) iff g = grad L(x).
  for (const Case& c : cases()) {
    for (const double smoothing : {1e-4, 0.1, 1.0, 60.0, 3000.0}) {
      const auto g = c.loss->envelope_gradient(c.output, c.targets, smoothing);
      const auto x = c.output - smoothing * g;
      const double scale = c.loss->gradient(c.output, c.targets).abs().max().item<double>();
      const auto error = (g - c.loss->gradient(x, c.targets)).abs().max().item<double>();
      // x is known to |output| eps, and the second derivative of the loss is at most 1 / N
      EXPECT_LT(error, 1e-14 * (scale + c.output.abs().max().item<double>() + smoothing)) << smoothing;
    }
  }
}

TEST(MoreauLast, EnvelopeGradientIsTheDerivativeOfTheEnvelope) {
  const double smoothing = 3, h = 1e-5;
  for (const Case& c : cases()) {
    const auto envelope = [&](const at::Tensor& output) {
      const auto x = output - smoothing * c.loss->envelope_gradient(output, c.targets, smoothing);
      return c.loss->value(x, c.targets).item<double>() + (x - output).square().sum().item<double>() / (2 * smoothing);
    };
    const auto g = c.loss->envelope_gradient(c.output, c.targets, smoothing);
    for (const auto& [i, j] : {std::pair{0, 1}, {3, 2}, {5, 4}}) {
      auto step = torch::zeros_like(c.output);
      step[i][j] = h;
      const double numeric = (envelope(c.output + step) - envelope(c.output - step)) / (2 * h);
      EXPECT_NEAR(g[i][j].item<double>(), numeric, 1e-7 * (1 + c.output.abs().max().item<double>()));
    }
  }
}

TEST(MoreauLast, TendsToTheGradientForSmallStepSizes) {
  for (const Case& c : cases()) {
    const auto moreau = MoreauLast().output_gradient({*c.loss, c.output, c.targets, 1e-10});
    const auto plain = ExplicitLast().output_gradient({*c.loss, c.output, c.targets, 1e-10});
    EXPECT_LT(relative_error(moreau, plain), 1e-10);
  }
}

TEST(MoreauLast, Float32IsThatOfFloat64) {
  for (const Case& c : cases()) {
    const auto single = c.output.to(torch::kFloat);
    const auto targets = c.targets.is_floating_point() ? c.targets.to(torch::kFloat) : c.targets;
    const auto exact_targets = targets.is_floating_point() ? targets.to(torch::kDouble) : targets;
    const auto exact = c.loss->envelope_gradient(single.to(torch::kDouble), exact_targets, 0.5);
    const auto g = c.loss->envelope_gradient(single, targets, 0.5);
    EXPECT_EQ(g.scalar_type(), torch::kFloat);
    EXPECT_LT(relative_error(g, exact), 3e-7);
  }
}

}  // namespace
}  // namespace proxprop::lab
