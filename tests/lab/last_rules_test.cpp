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
    const auto envelope = c.loss->envelope_gradient(c.output, c.targets, 1e-10);
    EXPECT_LT(relative_error(envelope, c.loss->gradient(c.output, c.targets)), 1e-10);
  }
}

// Section 4.2.1: one minimises another energy. All records have the same output b, of which the envelope's loss is
// minimised; J is least where softmax(b) are the shares of the classes.
TEST(MoreauLast, WhereItComesToRestTheLossOfCrossEntropyIsNotStationary) {
  const auto classes = torch::tensor({0, 0, 0, 1, 1, 2}, torch::kLong);
  const CrossEntropy loss;
  const double smoothing = 6;
  auto b = torch::zeros({1, 3}, torch::kDouble);
  const auto step = [&] { return loss.envelope_gradient(b.expand({6, 3}), classes, smoothing).sum(0, true); };
  for (int i = 0; i < 1000; ++i)
    b = b - step();
  EXPECT_LT(step().norm().item<double>(), 1e-14);
  EXPECT_GT(loss.gradient(b.expand({6, 3}), classes).sum(0).norm().item<double>(), 1e-3);
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

// A last layer [8 -> 5] with an input, in the place of the output of a case.
struct LayerCase {
  LayerPtr layer;
  at::Tensor a, output;

  explicit LayerCase(double scale = 1)
      : layer(linear_layer(
            scale * torch::randn({5, 8}, torch::kDouble), torch::randn({5}, torch::kDouble).requires_grad_())),
        a(torch::randn({6, 8}, torch::kDouble)),
        output(layer->apply(a)) {}

  LastProblem problem(const Case& c, double gamma, double tau) const {
    return {*c.loss, output, c.targets, *layer, a, gamma, tau};
  }
  at::Tensor displacement(const LastRule& rule, const LastProblem& problem) const {
    return rule.a_displacement(problem, rule.output_gradient(problem));
  }
};

// (gamma + 1 / tau) (a_k - a) is the gradient of L(phi(theta, a)) in a, at the new a.
TEST(ImplicitLast, SatisfiesTheOptimalityOfItsProximalStep) {
  for (const double scale : {1.0, 30.0}) {
    for (const Case& c : cases()) {
      const LayerCase last(scale);
      for (const double tau : {1e-4, 0.1, 1.0, 60.0, 3000.0}) {
        const double gamma = 0.3;
        const auto d = last.displacement(ImplicitLast(), last.problem(c, gamma, tau));
        const auto a = (last.a - d).detach().requires_grad_();
        c.loss
            ->value(
                torch::matmul(a, last.layer->input_adjoint(last.a, torch::eye(5, torch::kDouble)).t()) +
                    last.layer->apply(torch::zeros({1, 8}, torch::kDouble)),
                c.targets)
            .backward();
        const double weight = gamma + 1 / tau;
        // d is known to eps |a|, the second derivative of the loss in a is at most |theta|^2 / N.
        const double curvature = weight + 8 * 5 * scale * scale / 6;
        const auto error = (weight * d - a.grad()).abs().max().item<double>();
        EXPECT_LT(error, 1e-14 * curvature * (10 + last.output.abs().max().item<double>())) << scale << " " << tau;
      }
    }
  }
}

// The paper's section 4.2.1: what is propagated is the gradient of an envelope. It is that of Moreau for theta = I.
TEST(ImplicitLast, WithTheIdentityAsItsLayerIsTheStepOnTheMoreauEnvelope) {
  const auto layer = linear_layer(torch::eye(5, torch::kDouble));
  for (const Case& c : cases()) {
    for (const double tau : {1e-4, 0.1, 1.0, 60.0, 3000.0}) {
      const LastProblem problem{*c.loss, c.output, c.targets, *layer, c.output, /*gamma=*/0, tau};
      const ImplicitLast implicit;
      const MoreauLast moreau;
      const auto d = implicit.a_displacement(problem, implicit.output_gradient(problem));
      const auto expected = moreau.a_displacement(problem, moreau.output_gradient(problem));
      const double size = c.output.abs().max().item<double>();
      EXPECT_LT((d - expected).abs().max().item<double>(), 1e-14 * tau * (1 + size)) << tau;
    }
  }
}

TEST(ImplicitLast, TendsToTheExplicitStepForSmallStepSizes) {
  for (const Case& c : cases()) {
    const LayerCase last;
    const LastProblem problem = last.problem(c, 0.3, 1e-9);
    const auto d = last.displacement(ImplicitLast(), problem);
    EXPECT_LT(relative_error(d, last.displacement(ExplicitLast(), problem)), 1e-7);
  }
}

TEST(ImplicitLast, LeavesTheStepOfThetaExplicit) {
  for (const Case& c : cases()) {
    const LayerCase last;
    const LastProblem problem = last.problem(c, 0.3, 7.0);
    EXPECT_TRUE(torch::equal(ImplicitLast().output_gradient(problem), ExplicitLast().output_gradient(problem)));
  }
}

TEST(ImplicitLast, RefusesALayerThatIsNotLinear) {
  const auto layer = map_layer(
      {torch::randn({5, 8}, torch::kDouble).requires_grad_()},
      [](at::TensorList theta, const at::Tensor& a) { return at::matmul(a * a, theta[0].t()); });
  const Case c = cases().front();
  const auto a = torch::randn({6, 8}, torch::kDouble);
  const LastProblem problem{*c.loss, c.output, c.targets, *layer, a, 1, 1};
  EXPECT_THROW(ImplicitLast().a_displacement(problem, c.output), c10::Error);
  EXPECT_NO_THROW(ExplicitLast().a_displacement(problem, c.output));
}

}  // namespace
}  // namespace proxprop::lab
