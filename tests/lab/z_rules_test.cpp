// The step rules of z against minimisation by brute force, optimality conditions and their limits.

#include "lab/z_rules.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

struct Case {
  std::shared_ptr<const Activation> sigma;
  double tau, rho, gamma;
  double w() const { return (rho + 1 / tau) / gamma; }
};

std::vector<Case> cases() {
  const std::vector<std::shared_ptr<const Activation>> activations = {
      std::make_shared<PiecewiseLinear>(0.0),
      std::make_shared<PiecewiseLinear>(0.01),
      std::make_shared<PiecewiseLinear>(0.5),
      std::make_shared<PiecewiseLinear>(1.0),
      std::make_shared<Tanh>(),
      std::make_shared<Sigmoid>()};
  std::vector<Case> result;
  for (const auto& sigma : activations) {
    result.push_back({sigma, 1.0, 1.0, 1.0});
    result.push_back({sigma, 10.0, 0.05, 3.0});
    result.push_back({sigma, 0.1, 2.0, 0.7});
  }
  return result;
}

struct Point {
  at::Tensor z = [] {
    torch::manual_seed(3);
    return 2 * torch::randn({300}, torch::kDouble);
  }();
  at::Tensor delta = 3 * torch::randn({300}, torch::kDouble);
};

at::Tensor displacement(const ZRule& rule, const Case& c, const at::Tensor& z, const at::Tensor& delta) {
  return rule.displacement({*c.sigma, z, delta, c.rho, c.gamma, c.tau});
}

// gamma / 2 |sigma(z) - a_new|^2 + (rho + 1 / tau) / 2 |z - z_k|^2, elementwise, at z = z_k - d.
at::Tensor objective(const Case& c, const Point& p, const at::Tensor& d) {
  const auto target = c.sigma->value(p.z) - p.delta;
  return c.gamma / 2 * (c.sigma->value(p.z - d) - target).square() + (c.rho + 1 / c.tau) / 2 * d.square();
}

TEST(ImplicitZ, NoPointOfADenseGridIsBetter) {
  const Point p;
  for (const Case& c : cases()) {
    const auto d = displacement(ImplicitZ(), c, p.z, p.delta);
    const auto found = objective(c, p, d);
    // |d| <= |delta| / sqrt(w): beyond that the second term alone is more than the objective at d = 0.
    const auto range = p.delta.abs() / std::sqrt(c.w());
    at::Tensor best = found.clone();
    for (int i = -400; i <= 400; ++i)
      best = torch::minimum(best, objective(c, p, range * (i / 400.0)));
    EXPECT_LT(((found - best) / (found + 1e-300)).max().item<double>(), 1e-13) << c.sigma->name() << " " << c.w();
  }
}

TEST(ImplicitZ, SmoothStepsAreStationary) {
  const Point p;
  for (const Case& c : cases()) {
    if (!std::dynamic_pointer_cast<const Smooth>(c.sigma))
      continue;
    const auto d = displacement(ImplicitZ(), c, p.z, p.delta);
    const auto target = c.sigma->value(p.z) - p.delta;
    const auto z = p.z - d;
    const auto gradient = (c.sigma->value(z) - target) * c.sigma->derivative(z) - c.w() * d;
    EXPECT_LT(gradient.abs().max().item<double>(), 1e-14 * (1 + c.w()) * 30) << c.sigma->name();
  }
}

TEST(ImplicitZ, SeveralMinimaGiveTheLowest) {
  // tanh, far targets and a weak proximal term: h' changes its sign along the way.
  const Case c{std::make_shared<Tanh>(), 50.0, 0.02, 2.0};
  Point p;
  p.z = torch::linspace(-6, 6, 300, torch::kDouble);
  ASSERT_GT(p.delta.abs().max().item<double>() * 0.77, c.w());
  const auto found = objective(c, p, displacement(ImplicitZ(), c, p.z, p.delta));
  const auto range = p.delta.abs() / std::sqrt(c.w());
  at::Tensor best = found.clone();
  for (int i = -20000; i <= 20000; ++i)
    best = torch::minimum(best, objective(c, p, range * (i / 20000.0)));
  EXPECT_LT(((found - best) / found).max().item<double>(), 1e-12);
}

TEST(ImplicitZ, FarTargetsGiveTheLowest) {
  // Targets up to a thousand times the range of sigma: |d| <= sqrt(2 range |delta| / w) is much shorter than |delta|.
  torch::manual_seed(4);
  Point p;
  p.z = 6 * torch::randn({2000}, torch::kDouble);
  p.delta = 2000 * (torch::rand({2000}, torch::kDouble) - 0.5);
  for (const std::shared_ptr<const Activation>& sigma :
       std::vector<std::shared_ptr<const Activation>>{std::make_shared<Tanh>(), std::make_shared<Sigmoid>()}) {
    const Case c{sigma, 1.0, 1.0, 1.0};
    const auto found = objective(c, p, displacement(ImplicitZ(), c, p.z, p.delta));
    const auto range = torch::sqrt(4 * p.delta.abs() / c.w());
    at::Tensor best = found.clone();
    for (int i = 0; i <= 1000; ++i)
      best = torch::minimum(best, objective(c, p, range * p.delta.sign() * (i / 1000.0)));
    EXPECT_LT(((found - best) / found).max().item<double>(), 1e-12) << sigma->name();
  }
}

TEST(ImplicitZ, TendsToTheExplicitStepForSmallStepSizes) {
  const Point p;
  for (Case c : cases()) {
    c.tau = 1e-8;
    const auto implicit = displacement(ImplicitZ(), c, p.z, p.delta) / c.tau;
    const auto explicit_step = displacement(ExplicitZ(), c, p.z, p.delta) / c.tau;
    // To first order in tau the step is shorter by tau (gamma (sigma'^2 + delta sigma'') + rho) of itself.
    const double delta = p.delta.abs().max().item<double>();
    const double bound = c.tau * c.gamma * delta * (c.gamma * (1 + delta) + c.rho);
    EXPECT_LT((implicit - explicit_step).abs().max().item<double>(), bound) << c.sigma->name();
  }
}

TEST(ImplicitZ, ADeadUnitWakesExactlyWhereTheOtherSideIsBetter) {
  // ReLU, z_k < 0, target t = -delta > 0: the other side wins iff z_k > -t (sqrt(1 + 1/w) - 1).
  const Case c{std::make_shared<PiecewiseLinear>(0.0), 1.0, 1.0, 1.0};
  const auto z = -torch::rand({1000}, torch::kDouble);
  const auto delta = -torch::rand({1000}, torch::kDouble);
  const auto d = displacement(ImplicitZ(), c, z, delta);
  const auto wakes = z > delta * (std::sqrt(1 + 1 / c.w()) - 1);
  EXPECT_TRUE(torch::equal(d != 0, wakes));
  EXPECT_GT(wakes.sum().item<int64_t>(), 50);
}

TEST(BregmanZ, SolvesItsEquation) {
  const Point p;
  for (const Case& c : cases()) {
    const auto d = displacement(BregmanZ(), c, p.z, p.delta);
    const auto target = c.sigma->value(p.z) - p.delta;
    const auto residual = c.gamma * (c.sigma->value(p.z - d) - target) - (c.rho + 1 / c.tau) * d;
    EXPECT_LT(residual.abs().max().item<double>(), 1e-13 * (1 + c.w()) * 10) << c.sigma->name() << " " << c.w();
  }
}

TEST(BregmanZ, TendsToTheStepWithoutTheDerivative) {
  const Point p;
  for (Case c : cases()) {
    c.tau = 1e-8;
    const auto bregman = displacement(BregmanZ(), c, p.z, p.delta) / c.tau;
    EXPECT_LT((bregman - c.gamma * p.delta).abs().max().item<double>(), 1e-5) << c.sigma->name();
  }
}

TEST(ZRules, Float32KeepsItsDigitsForTinyDisplacements) {
  const Point p;
  const auto z = p.z.to(torch::kFloat);
  const auto delta = (1e-9 * p.delta).to(torch::kFloat);
  const std::vector<std::shared_ptr<const ZRule>> rules = {
      std::make_shared<ExplicitZ>(), std::make_shared<ImplicitZ>(), std::make_shared<BregmanZ>()};
  for (const Case& c : cases()) {
    for (const auto& rule : rules) {
      const auto exact = displacement(*rule, c, z.to(torch::kDouble), delta.to(torch::kDouble));
      const auto error = (displacement(*rule, c, z, delta) - exact).abs();
      EXPECT_LT((error / torch::maximum(delta.abs(), exact.abs())).max().item<double>(), 1e-5) << c.sigma->name();
    }
  }
}

TEST(ZRules, ZeroStaysZeroAndNaNStaysNaN) {
  for (const Case& c : cases()) {
    const auto z = torch::tensor({1.0, -1.0, 0.5}, torch::kDouble);
    const auto delta = torch::tensor({0.0, 0.0, std::nan("")}, torch::kDouble);
    for (const auto& d : {displacement(ImplicitZ(), c, z, delta), displacement(BregmanZ(), c, z, delta)}) {
      EXPECT_EQ(d.slice(0, 0, 2).abs().max().item<double>(), 0) << c.sigma->name();
      EXPECT_TRUE(std::isnan(d[2].item<double>())) << c.sigma->name();
    }
  }
}

class Square final : public Activation {
 public:
  std::string name() const override { return "square"; }
  at::Tensor value(const at::Tensor& z) const override { return z.square(); }
  at::Tensor derivative(const at::Tensor& z) const override { return 2 * z; }
};

TEST(ZRules, RefuseAnActivationTheyDoNotKnowAndSayWhatToDo) {
  const Case c{std::make_shared<Square>(), 1, 1, 1};
  const auto z = torch::ones({2}, torch::kDouble);
  EXPECT_NO_THROW(displacement(ExplicitZ(), c, z, z));
  for (const auto& attempt : {0, 1}) {
    try {
      attempt == 0 ? displacement(ImplicitZ(), c, z, z) : displacement(BregmanZ(), c, z, z);
      FAIL();
    } catch (const c10::Error& error) {
      EXPECT_NE(std::string(error.what()).find("square"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("explicit step"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace proxprop::lab
