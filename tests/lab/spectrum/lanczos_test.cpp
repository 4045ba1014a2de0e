// Lanczos and its quadrature on matrices whose eigenvalues are known.

#include "lab/spectrum/spectrum.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace proxprop::spectrum {
namespace {

// Q diag(eigenvalues) Q^T with a random orthogonal Q.
at::Tensor with_eigenvalues(const at::Tensor& eigenvalues) {
  at::manual_seed(5);
  const auto [q, r] = at::linalg_qr(at::randn({eigenvalues.numel(), eigenvalues.numel()}, at::kDouble));
  const at::Tensor m = at::mm(q * eigenvalues, q.t());
  return 0.5 * (m + m.t());
}

SymmetricOperator product(const at::Tensor& matrix) {
  return [matrix](const at::Tensor& v) { return at::mv(matrix, v); };
}

at::Tensor start(int64_t n) {
  at::manual_seed(6);
  return at::randn({n}, at::kDouble);
}

SpectrumOptions options(int64_t steps, int64_t probes, uint64_t seed) {
  SpectrumOptions result;
  result.steps = steps;
  result.probes = probes;
  result.seed = seed;
  return result;
}

TEST(Lanczos, AllStepsGiveAllEigenvalues) {
  const at::Tensor eigenvalues = at::linspace(-3, 5, 40, at::kDouble);
  const Lanczos run = lanczos(product(with_eigenvalues(eigenvalues)), start(40), 40);
  EXPECT_TRUE(run.exhausted);
  EXPECT_LE((run.values - eigenvalues).abs().max().item<double>(), 1e-12);
}

TEST(Lanczos, AnEigenvalueLiesWithinTheResidualOfEveryValue) {
  const at::Tensor eigenvalues = at::logspace(-2, 6, 200, 10, at::kDouble);
  const Lanczos run = lanczos(product(with_eigenvalues(eigenvalues)), start(200), 30);
  ASSERT_EQ(run.values.numel(), 30);
  for (int64_t i = 0; i < 30; ++i) {
    const double distance = (eigenvalues - run.values[i]).abs().min().item<double>();
    EXPECT_LE(distance, run.residuals[i].item<double>()) << "value " << i;
  }
  EXPECT_LE(run.residuals[29].item<double>(), 1e-3 * 1e6);
}

TEST(Lanczos, ConvergedEigenvaluesDoNotComeTwice) {
  at::Tensor eigenvalues = at::linspace(0, 1, 300, at::kDouble);
  eigenvalues[299] = 1e6;
  const Lanczos run = lanczos(product(with_eigenvalues(eigenvalues)), start(300), 200);
  EXPECT_EQ(run.values.gt(10).sum().item<int64_t>(), 1);
}

TEST(Lanczos, TheKrylovSpaceOfThreeEigenvaluesIsUsedUpAfterThreeSteps) {
  const at::Tensor eigenvalues =
      at::cat({at::full({20}, 1.0), at::full({20}, 4.0), at::full({20}, 9.0)}).to(at::kDouble);
  const Lanczos run = lanczos(product(with_eigenvalues(eigenvalues)), start(60), 50);
  EXPECT_TRUE(run.exhausted);
  ASSERT_EQ(run.values.numel(), 3);
  EXPECT_LE((run.values - at::tensor({1.0, 4.0, 9.0}, at::kDouble)).abs().max().item<double>(), 1e-11);
}

TEST(Lanczos, TheQuadratureIsExactForPolynomialsBelowTwiceTheSteps) {
  const at::Tensor m = with_eigenvalues(at::linspace(-1, 1, 80, at::kDouble));
  const at::Tensor b = start(80);
  const Lanczos run = lanczos(product(m), b, 6);
  at::Tensor power = b;
  for (int degree = 0; degree < 12; ++degree) {
    const double exact = (b.dot(power) / b.dot(b)).item<double>();
    EXPECT_NEAR((run.weights * run.values.pow(degree)).sum().item<double>(), exact, 1e-13) << "degree " << degree;
    power = at::mv(m, power);
  }
}

TEST(Lanczos, AnOperatorThatGivesNaNIsRefused) {
  EXPECT_THROW(lanczos([](const at::Tensor& v) { return v * NAN; }, start(5), 3), c10::Error);
}

TEST(Spectrum, ExtremesSharesAndMeanOfAKnownSpectrum) {
  // A quarter of the eigenvalues below zero.
  const at::Tensor eigenvalues =
      at::cat({at::linspace(-2, -1, 100, at::kDouble), at::linspace(1, 10, 300, at::kDouble)});
  const Spectrum s = spectrum(product(with_eigenvalues(eigenvalues)), 400, options(60, 20, 1));
  EXPECT_NEAR(s.largest.front().value, 10, s.largest.front().error + 1e-9);
  EXPECT_NEAR(s.smallest.front().value, -2, s.smallest.front().error + 1e-9);
  // Standard deviations over Gaussian probes: about sqrt(2 / (400 * 20)) of the spread of what is averaged.
  const double deviation = std::sqrt(2.0 / (400 * 20));
  EXPECT_NEAR(s.share_below(0), 0.25, 4 * deviation);
  EXPECT_NEAR(s.mean(), eigenvalues.mean().item<double>(), 4 * deviation * 10);
}

// Eigenvalues that are zero come out as zero up to rounding, of either sign.
TEST(Spectrum, ASingularGramHasNoNegativeEigenvalues) {
  for (const int64_t rows : {5, 40, 150}) {
    at::manual_seed(7);
    const at::Tensor a = at::rand({rows, 200}, at::kDouble);
    const at::Tensor gram = at::mm(a.t(), a);
    for (const int64_t steps : {60, 200}) {
      const Spectrum s = spectrum(product(gram), 200, options(steps, 4, 1));
      EXPECT_EQ(s.share_negative(), 0) << rows << " rows, " << steps << " steps";
    }
  }
}

TEST(Spectrum, EigenvaluesBelowRoundingAreNegative) {
  const at::Tensor eigenvalues = at::cat({at::full({20}, -1e-9, at::kDouble), at::linspace(1, 10, 60, at::kDouble)});
  const Spectrum s = spectrum(product(with_eigenvalues(eigenvalues)), 80, options(80, 20, 1));
  EXPECT_NEAR(s.share_negative(), 0.25, 4 * std::sqrt(2.0 / (80 * 20)));
}

TEST(Spectrum, TheDensityIntegratesToOne) {
  const Spectrum s = spectrum(product(with_eigenvalues(at::linspace(0, 1, 50, at::kDouble))), 50, options(20, 4, 0));
  const Density curve = density(s, 0.05, 2000);
  double integral = 0;
  for (size_t i = 1; i < curve.at.size(); ++i)
    integral += 0.5 * (curve.value[i] + curve.value[i - 1]) * (curve.at[i] - curve.at[i - 1]);
  EXPECT_NEAR(integral, 1, 0.005);  // 0.3 % of a Gaussian lies beyond three widths
}

TEST(Spectrum, TheSameSeedGivesTheSameResult) {
  const SymmetricOperator h = product(with_eigenvalues(at::linspace(0, 1, 50, at::kDouble)));
  EXPECT_EQ(spectrum(h, 50, options(9, 4, 4)).nodes, spectrum(h, 50, options(9, 4, 4)).nodes);
  EXPECT_NE(spectrum(h, 50, options(9, 4, 4)).nodes, spectrum(h, 50, options(9, 4, 5)).nodes);
}

}  // namespace
}  // namespace proxprop::spectrum
