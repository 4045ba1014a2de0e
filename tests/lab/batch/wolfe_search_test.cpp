// The line search on the test functions of More and Thuente (ACM TOMS 1994), section 5, and where phi is flat to
// rounding, not finite, or unbounded.

#include "lab/batch/wolfe_search.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

namespace proxprop::batch {
namespace {

using Line = std::function<LinePoint(double)>;

LinePoint bowl(double t) {
  return {t, -t / (t * t + 2), (t * t - 2) / std::pow(t * t + 2, 2)};
}

LinePoint quintic(double t) {
  const double s = t + 0.004;
  return {t, std::pow(s, 5) - 2 * std::pow(s, 4), 5 * std::pow(s, 4) - 8 * std::pow(s, 3)};
}

LinePoint waves(double t) {
  constexpr double beta = 0.01, l = 39;
  const double angle = l * std::numbers::pi / 2;
  const double value = t <= 1 - beta ? 1 - t : t >= 1 + beta ? t - 1 : std::pow(t - 1, 2) / (2 * beta) + beta / 2;
  const double slope = t <= 1 - beta ? -1 : t >= 1 + beta ? 1 : (t - 1) / beta;
  const double height = 2 * (1 - beta) / (l * std::numbers::pi);
  return {t, value + height * std::sin(angle * t), slope + (1 - beta) * std::cos(angle * t)};
}

// Yanai, Ozawa and Kaneko
Line corners(double beta1, double beta2) {
  return [=](double t) {
    const auto gamma = [](double beta) { return std::sqrt(1 + beta * beta) - beta; };
    const double right = std::hypot(1 - t, beta2), left = std::hypot(t, beta1);
    return LinePoint{
        t, gamma(beta1) * right + gamma(beta2) * left, gamma(beta1) * (t - 1) / right + gamma(beta2) * t / left};
  };
}

struct Case {
  Line phi;
  double decrease, curvature;
};

// Those of their tables 1 to 6.
const std::vector<Case> kCases = {
    {bowl, 0.001, 0.1},
    {quintic, 0.1, 0.1},
    {waves, 0.1, 0.1},
    {corners(0.001, 0.001), 0.001, 0.001},
    {corners(0.01, 0.001), 0.001, 0.001},
    {corners(0.001, 0.01), 0.001, 0.001}};

const std::vector<double> kFirst = {1e-3, 1e-1, 1e1, 1e3};

TEST(StrongWolfe, HoldsOnTheFunctionsOfMoreAndThuente) {
  for (size_t i = 0; i < kCases.size(); ++i) {
    const Case& c = kCases[i];
    const LinePoint start = c.phi(0);
    for (const double first : kFirst) {
      const WolfeStep step = strong_wolfe_step(c.phi, start, first, {c.decrease, c.curvature, 40});
      const LinePoint at = c.phi(step.point.step);
      EXPECT_TRUE(step.found) << "function " << i + 1 << " from " << first;
      EXPECT_LE(at.value, start.value + c.decrease * at.step * start.slope) << i + 1;
      EXPECT_LE(std::abs(at.slope), c.curvature * std::abs(start.slope)) << i + 1;
      EXPECT_NEAR(step.point.value, at.value, 1e-15 * std::abs(start.value)) << i + 1;
      EXPECT_LE(step.evaluations, 20) << "function " << i + 1 << " from " << first;
    }
  }
}

// Where the conditions leave little room, the steps are those of their tables 2 and 3.
TEST(StrongWolfe, GivesTheStepsOfMoreAndThuente) {
  for (const double first : kFirst) {
    EXPECT_NEAR(strong_wolfe_step(quintic, quintic(0), first, {0.1, 0.1}).point.step, 1.6, 0.05) << first;
    EXPECT_NEAR(strong_wolfe_step(waves, waves(0), first, {0.1, 0.1}).point.step, 1.0, 0.05) << first;
  }
}

// Their table 1: the third trial meets the conditions as it is.
TEST(StrongWolfe, TakesAFirstTrialThatIsGood) {
  const WolfeStep step = strong_wolfe_step(bowl, bowl(0), 10, {0.001, 0.1});
  EXPECT_EQ(step.point.step, 10);
  EXPECT_EQ(step.evaluations, 1);
  EXPECT_NEAR(step.point.slope, 9.4e-3, 5e-5);
}

TEST(StrongWolfe, GoesByTheSlopesWhereTheValuesAreTheSameToRounding) {
  const Line flat = [](double t) { return LinePoint{t, 1 + 1e-24 * (t - 3) * (t - 3), 2e-24 * (t - 3)}; };
  const WolfeStep step = strong_wolfe_step(flat, flat(0), 100, {1e-4, 0.1});
  EXPECT_TRUE(step.found);
  EXPECT_NEAR(step.point.step, 3, 0.3);
}

TEST(StrongWolfe, StaysWherePhiIsFinite) {
  const Line wall = [](double t) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return t > 0.1 ? LinePoint{t, nan, nan} : LinePoint{t, (t - 0.05) * (t - 0.05), 2 * (t - 0.05)};
  };
  const WolfeStep step = strong_wolfe_step(wall, wall(0), 1, {1e-4, 0.5});
  EXPECT_TRUE(step.found);
  EXPECT_LT(step.point.step, 0.1);
}

TEST(StrongWolfe, EndsOnAFunctionWithoutALowerBound) {
  const Line line = [](double t) { return LinePoint{t, -t, -1}; };
  const WolfeStep step = strong_wolfe_step(line, line(0), 1, {1e-4, 0.9, 8});
  EXPECT_FALSE(step.found);
  EXPECT_EQ(step.evaluations, 8);
  EXPECT_GT(step.point.step, 1);
}

TEST(StrongWolfe, GivesTheStartWhereNothingIsLower) {
  const Line lie = [](double t) { return LinePoint{t, 1 + t, -1}; };
  const WolfeStep step = strong_wolfe_step(lie, lie(0), 1, {});
  EXPECT_FALSE(step.found);
  EXPECT_EQ(step.point.step, 0);
  EXPECT_EQ(step.point.value, 1);
}

TEST(StrongWolfe, RefusesALineThatGoesUp) {
  EXPECT_THROW(strong_wolfe_step(bowl, {0, 0, 1}, 1, {}), c10::Error);
  EXPECT_THROW(strong_wolfe_step(bowl, bowl(0), 0, {}), c10::Error);
}

}  // namespace
}  // namespace proxprop::batch
