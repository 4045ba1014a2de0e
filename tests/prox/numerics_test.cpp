// Safeguards of the numerics: each of these fails without the one it names.

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace proxprop::testing {
namespace {

// Samples with a large mean, like pixels and activations: condition number about 1e6 at tau_theta = 1.
TransferInstance ill_conditioned(int64_t rows, int64_t inputs, int64_t outputs, at::ScalarType dtype) {
  at::manual_seed(7);
  const auto input = (at::randn({rows, inputs}, at::kDouble) * 0.1 + 10.0).to(at::kFloat).to(dtype);
  return {
      std::make_shared<DenseTransfer>(input, outputs, Trained{}),
      at::randn({rows, outputs}, at::kDouble).to(at::kFloat).to(dtype)};
}

at::Tensor direction_in(at::ScalarType dtype, double tau_theta, const Solver& solver, Route route) {
  const auto instance = ill_conditioned(60, 200, 40, dtype);
  return flatten(
      proximal_direction(*instance.transfer, instance.grad_output, {tau_theta, solver, Scaling::sum, route}).direction);
}

TEST(Numerics, ExactStepInFloat32KeepsItsDigitsAtLargeTau) {
  // A solve for the new theta, or the subtractive Woodbury form, has no correct digit here.
  for (const double tau_theta : {1.0, 100.0, 1e4}) {
    const auto reference = direction_in(at::kDouble, tau_theta, Cholesky{}, Route::sample_gram);
    const auto value = direction_in(at::kFloat, tau_theta, Cholesky{}, Route::sample_gram);
    EXPECT_LE(relative_error(value, reference), 1e-4) << "tau_theta = " << tau_theta;
  }
}

struct SolverAndRoute {
  Solver solver;
  Route route;
};

std::vector<SolverAndRoute> float32_ways() {
  std::vector<SolverAndRoute> ways;
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    ways.push_back({Cholesky{}, route});
  }
  for (const auto coupling : {Coupling::per_output, Coupling::joint}) {
    for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
      ways.push_back({ConjugateGradient{3, 0.0, coupling}, route});
    }
  }
  return ways;
}

TEST(Numerics, DirectionScalesWithTheLoss) {
  // Well conditioned: a factor that is no power of two rounds the gradient, and the solve amplifies that rounding.
  const auto instance = make_dense({20, 30}, 8, {}, at::kFloat);
  for (const auto& way : float32_ways()) {
    const ProximalOptions options{0.5, way.solver, Scaling::sum, way.route};
    const auto unscaled = flatten(proximal_direction(*instance.transfer, instance.grad_output, options).direction);
    for (const double scale : {1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e12}) {
      const auto scaled =
          flatten(proximal_direction(*instance.transfer, instance.grad_output * scale, options).direction);
      EXPECT_LE(relative_error(scaled / scale, unscaled), 1e-5)
          << to_string(way.solver) << " by " << to_string(way.route) << ", scale " << scale;
    }
  }
}

TEST(Numerics, TinyAndHugeGradientsScaleByExactPowersOfTwo) {
  const auto instance = ill_conditioned(20, 30, 8, at::kFloat);
  for (const auto& way : float32_ways()) {
    const ProximalOptions options{0.5, way.solver, Scaling::sum, way.route};
    const auto unscaled = flatten(proximal_direction(*instance.transfer, instance.grad_output, options).direction);
    for (const int exponent : {-60, -20, 20, 60}) {
      const auto scale = std::ldexp(1.0, exponent);
      const auto scaled =
          flatten(proximal_direction(*instance.transfer, instance.grad_output * scale, options).direction);
      EXPECT_TRUE(scaled.equal(unscaled * scale)) << to_string(way.solver) << " by " << to_string(way.route);
    }
  }
}

TEST(Numerics, OutputsWithoutGradientGetAZeroUpdate) {
  for (const auto& way : float32_ways()) {
    auto instance = ill_conditioned(20, 30, 8, at::kFloat);
    instance.grad_output.narrow(1, 2, 3).zero_();
    const auto step =
        proximal_direction(*instance.transfer, instance.grad_output, {0.5, way.solver, Scaling::sum, way.route});
    for (const auto& part : step.direction) {
      EXPECT_TRUE(part.isfinite().all().item<bool>()) << to_string(way.solver) << " by " << to_string(way.route);
      EXPECT_TRUE(part.narrow(0, 2, 3).eq(0).all().item<bool>());
      EXPECT_TRUE(part.narrow(0, 0, 2).ne(0).all().item<bool>());
    }
  }
}

TEST(Numerics, AllZeroGradientGivesZero) {
  for (const auto& way : float32_ways()) {
    const auto instance = ill_conditioned(6, 5, 3, at::kFloat);
    const auto step = proximal_direction(
        *instance.transfer, at::zeros_like(instance.grad_output), {0.5, way.solver, Scaling::sum, way.route});
    EXPECT_TRUE(flatten(step.direction).eq(0).all().item<bool>()) << to_string(way.solver);
  }
}

TEST(Numerics, NanInTheGradientStaysVisible) {
  for (const auto& way : float32_ways()) {
    auto instance = ill_conditioned(6, 5, 3, at::kFloat);
    instance.grad_output[1][1] = std::numeric_limits<float>::quiet_NaN();
    const auto step =
        proximal_direction(*instance.transfer, instance.grad_output, {0.5, way.solver, Scaling::sum, way.route});
    EXPECT_TRUE(flatten(step.direction).isnan().any().item<bool>())
        << to_string(way.solver) << " by " << to_string(way.route);
  }
}

TEST(Numerics, NanInTheInputIsReported) {
  auto input = at::randn({6, 5});
  input[2][3] = std::numeric_limits<float>::quiet_NaN();
  const DenseTransfer transfer(input, 3, {});
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    const auto step = proximal_direction(transfer, at::randn({6, 3}), {1.0, Cholesky{}, Scaling::sum, route});
    EXPECT_EQ(step.summary.status, Status::not_finite);
    EXPECT_TRUE(flatten(step.direction).isnan().any().item<bool>());
  }
}

TEST(Numerics, SingularGramIsRegularizedAndSaysSo) {
  // Copies of one feature and a damping far below round-off: beta I + G is singular in float64.
  const DenseTransfer transfer(at::ones({4, 2}, at::kDouble), 2, {true, false});
  const auto gradient = at::ones({4, 2}, at::kDouble);
  const auto step = proximal_direction(transfer, gradient, {1e30, Cholesky{}, Scaling::sum, Route::feature_gram});
  EXPECT_EQ(step.summary.status, Status::regularized);
  EXPECT_GT(step.summary.jitter, 0.0);
  EXPECT_TRUE(flatten(step.direction).isfinite().all().item<bool>());
}

TEST(Numerics, SingularSampleGramIsSolvedWithoutItsNullSpace) {
  // Copies of one sample: K = |a|^2 1 1^T, and V = a (sum of g) / (10 |a|^2 + beta).
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const DenseTransfer transfer(at::ones({10, 4}, dtype) * 1e3, 2, {});
    const auto gradient = at::arange(20, dtype).view({10, 2}) - 3.7;
    const auto step = proximal_direction(transfer, gradient, {1e30, Cholesky{}, Scaling::sum, Route::sample_gram});
    EXPECT_EQ(step.summary.status, Status::ok);
    const auto sample = at::tensor({1e3, 1e3, 1e3, 1e3, 1.0}, at::kDouble);
    const auto expected = gradient.to(at::kDouble).sum(0).unsqueeze(1) * sample / (10 * sample.square().sum());
    const auto found = at::cat({step.direction[0], step.direction[1].unsqueeze(1)}, 1);
    EXPECT_LE(relative_error(found, expected), dtype == at::kDouble ? 1e-12 : 1e-6);
  }
}

TEST(Numerics, ConvolutionGramIsAccumulatedAccurately) {
  // 2e5 rows of positive pixels: sums of that length in float32 leave a relative error near 1e-4 in V, or much more.
  at::manual_seed(3);
  const auto input = at::rand({200, 3, 32, 32});
  const ConvGeometry geometry{4, {5, 5}, {1, 1}, {2, 2}, {1, 1}, 1};
  const auto gradient = at::randn({200, 4, 32, 32});
  const ConvTransfer single(input, geometry, {});
  const ConvTransfer reference(input.to(at::kDouble), geometry, {});
  const ProximalOptions options{1.0, Cholesky{}, Scaling::sum, Route::feature_gram};
  const auto value = flatten(proximal_direction(single, gradient, options).direction);
  const auto exact = flatten(proximal_direction(reference, gradient.to(at::kDouble), options).direction);
  EXPECT_LE(relative_error(value, exact), 1e-5);
}

TEST(ConvTransposeTransfer, TheZerosOfTheUpsampledImageCostNoOperations) {
  // Stride 2 in two dimensions: an upsampled image has four times the pixels. 80 x 80 outputs, so that borders are few.
  const ConvTransposeTransfer transposed(
      at::zeros({4, 8, 40, 40}), {{16, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}}, {});
  const ConvTransfer upsampled(at::zeros({4, 8, 79, 79}), {16, {4, 4}, {1, 1}, {2, 2}, {1, 1}, 1}, {});
  ASSERT_EQ(transposed.dimensions()->rows, upsampled.dimensions()->rows);
  const auto operations = [](Work work) {
    work[Kernel::memory] = 0;
    return Rates{}.of(work);
  };
  EXPECT_LE(4 * operations(transposed.feature_gram_work()), operations(upsampled.feature_gram_work()));
  EXPECT_LE(4 * operations(transposed.sample_gram_work()), operations(upsampled.sample_gram_work()));
  EXPECT_LE(4 * operations(transposed.apply_work()), operations(upsampled.apply_work()));
}

TEST(Numerics, TransposedConvolutionGramIsAccumulatedAccurately) {
  at::manual_seed(4);
  const auto input = at::rand({60, 3, 14, 13}) + 1.0;
  const ConvTransposeGeometry geometry{{4, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}};
  const ConvTransposeTransfer narrow(input, geometry, {}), wide(input.to(at::kDouble), geometry, {});
  EXPECT_LE(relative_error(narrow.feature_gram(), wide.feature_gram()), 1e-6);
  const auto g = at::randn(*narrow.output_shape());
  const auto gradient = flatten(narrow.accurate_adjoint(g)), reference = flatten(wide.adjoint(g.to(at::kDouble)));
  EXPECT_LE(relative_error(gradient, reference), 1e-6);
}

// By the blocks of its phases, whose equations the bias couples; the judge solves the dense system.
TEST(ConvTransposeTransfer, BlocksSolveTheDenseSystemAtLargeStepSizes) {
  at::manual_seed(5);
  const auto input = at::rand({12, 6, 7, 6}, at::kDouble) + 1.0;
  const ConvTransposeGeometry geometry{{4, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}};
  for (const bool bias : {false, true}) {
    const ConvTransposeTransfer transfer(input, geometry, {true, bias});
    ASSERT_EQ(transfer.feature_block_sizes(), (std::vector<int64_t>{24, 24, 24, 24}));
    const auto g = at::randn(*transfer.output_shape(), at::kDouble);
    const auto gram = transfer.feature_gram()[0];
    const auto rows = transfer.parameter_rows(transfer.adjoint(g));
    const auto gradient = rows.size() == 1 ? rows[0][0] : at::cat({rows[0][0], rows[1][0]}, 1);
    for (const double tau_theta : {1e-3, 1.0, 1e4}) {
      const auto matrix = gram + at::eye(gram.size(0), at::kDouble) / tau_theta;
      const auto expected = at::linalg_solve(matrix, gradient.t()).t();
      const auto step = proximal_direction(transfer, g, {tau_theta, Cholesky{}, Scaling::sum, Route::feature_gram});
      EXPECT_EQ(step.summary.status, Status::ok);
      const auto direction = transfer.parameter_rows(step.direction);
      const auto found = bias ? at::cat({direction[0][0], direction[1][0]}, 1) : direction[0][0];
      // Two solvers of one system differ by its condition number times the rounding unit.
      const auto values = at::linalg_eigvalsh(matrix);
      const auto condition = (values[-1] / values[0]).item<double>();
      EXPECT_LE(relative_error(found, expected), 10 * condition * 1.1e-16) << tau_theta;
    }
  }
}

TEST(ConvTransposeTransfer, BlocksThatCannotBeFactoredSayWhatADenseGramWould) {
  const ConvTransposeGeometry geometry{{2, {2, 2}, {2, 2}, {0, 0}, {1, 1}, 1}, {0, 0}};
  const ProximalOptions huge{1e30, Cholesky{}, Scaling::sum, Route::feature_gram};
  const ConvTransposeTransfer equal(at::full({4, 3, 5, 5}, 1e3, at::kDouble), geometry, {});
  const auto g = at::ones(*equal.output_shape(), at::kDouble);
  const auto regularized = proximal_direction(equal, g, huge);
  EXPECT_EQ(regularized.summary.status, Status::regularized);
  EXPECT_TRUE(flatten(regularized.direction).isfinite().all().item<bool>());
  const auto nan = at::full({4, 3, 5, 5}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  EXPECT_EQ(proximal_direction(ConvTransposeTransfer(nan, geometry, {}), g, huge).summary.status, Status::not_finite);
}

TEST(Numerics, ResidualOfTheExactStepIsRoundOff) {
  const auto instance = ill_conditioned(30, 20, 6, at::kDouble);
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    for (const auto scaling : {Scaling::sum, Scaling::mean}) {
      const ProximalOptions options{0.3, Cholesky{}, scaling, route};
      const auto step = proximal_direction(*instance.transfer, instance.grad_output, options);
      EXPECT_LE(relative_residual(*instance.transfer, instance.grad_output, step.direction, options), 1e-9);
    }
  }
}

// Paper, Proposition 5, for every number of iterations up to that which exhausts the Krylov space (what follows is
// rounding): <b, x_k> is positive and grows, and so does |x_k|.
RC_GTEST_PROP(CgSolver, EveryIterateIsDescentAndGrows, ()) {
  at::manual_seed(*rc::gen::inRange<int64_t>(0, 1 << 20));
  const auto rows = *rc::gen::inRange<int64_t>(1, 12);
  const auto inputs = *rc::gen::inRange<int64_t>(1, 12);
  const auto outputs = *rc::gen::inRange<int64_t>(1, 5);
  const auto tau_theta = std::pow(10.0, *rc::gen::inRange(-3, 3));
  const auto samples = at::randn({rows, inputs}, at::kDouble);
  const DenseTransfer transfer(samples, outputs, {});
  const auto gradient = at::randn({rows, outputs}, at::kDouble);
  const auto right = flatten(transfer.adjoint(gradient));
  const auto condition = 1 + tau_theta * (samples.square().sum().item<double>() + double(rows));
  const auto rounding = 4 * std::numeric_limits<double>::epsilon() * condition;
  double last_product = 0, last_norm = 0;
  for (int64_t k = 1; k <= std::min({rows, inputs + 1, int64_t(6)}); ++k) {
    const auto step = proximal_direction(
        transfer, gradient, {tau_theta, ConjugateGradient{k, 0.0, Coupling::joint}, Scaling::sum, std::nullopt});
    const auto x = flatten(step.direction);
    const auto product = right.dot(x).item<double>();
    const auto norm = x.norm().item<double>();
    RC_ASSERT(product > 0);
    RC_ASSERT(product >= last_product * (1 - rounding));
    RC_ASSERT(norm >= last_norm * (1 - rounding));
    last_product = product;
    last_norm = norm;
  }
}

// Any shape, any route: the planner's choice and all forced routes give one V.
RC_GTEST_PROP(Routes, AgreeForAnyShape, ()) {
  at::manual_seed(*rc::gen::inRange<int64_t>(0, 1 << 20));
  const auto rows = *rc::gen::inRange<int64_t>(1, 30);
  const auto inputs = *rc::gen::inRange<int64_t>(1, 30);
  const auto outputs = *rc::gen::inRange<int64_t>(1, 30);
  const DenseTransfer transfer(at::randn({rows, inputs}, at::kDouble), outputs, {true, *rc::gen::arbitrary<bool>()});
  const auto gradient = at::randn({rows, outputs}, at::kDouble);
  const auto tau_theta = std::pow(10.0, *rc::gen::inRange(-3, 3));
  const auto planned = flatten(proximal_direction(transfer, gradient, {tau_theta}).direction);
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    const auto forced =
        flatten(proximal_direction(transfer, gradient, {tau_theta, Cholesky{}, Scaling::sum, route}).direction);
    RC_ASSERT(relative_error(forced, planned) <= 1e-9);
  }
}

TEST(Numerics, ReducedPrecisionSwitchesAreOffDuringTheStepAndRestored) {
  auto& context = at::globalContext();
  const auto backend = at::Float32Backend::MKLDNN;
  const auto before = context.float32Precision(backend, at::Float32Op::MATMUL);
  context.setFloat32Precision(backend, at::Float32Op::MATMUL, at::Float32Precision::BF16);
  auto seen = at::Float32Precision::NONE;
  const FunctionTransfer transfer(
      {{2}},
      [&](at::TensorList theta) {
        seen = context.float32Precision(backend, at::Float32Op::MATMUL);
        return theta[0] * 1.0;
      },
      [](const at::Tensor& z) { return std::vector<at::Tensor>{z * 1.0}; });
  proximal_direction(transfer, at::ones({2}), {1.0, ConjugateGradient{1}});
  EXPECT_EQ(seen, at::Float32Precision::IEEE);
  EXPECT_EQ(context.float32Precision(backend, at::Float32Op::MATMUL), at::Float32Precision::BF16);
  context.setFloat32Precision(backend, at::Float32Op::MATMUL, before);
}

TEST(CgSolver, AnIterationTakesOneApplicationAndOneAdjoint) {
  const auto scale = at::linspace(1, 3, 40, at::kDouble);
  int64_t applications = 0, adjoints = 0;
  const FunctionTransfer transfer(
      {{40}},
      [&](at::TensorList theta) {
        ++applications;
        return theta[0] * scale;
      },
      [&](const at::Tensor& z) {
        ++adjoints;
        return std::vector<at::Tensor>{z * scale};
      });
  for (const int64_t iterations : {1, 2, 5}) {
    applications = adjoints = 0;
    const auto step = proximal_direction(transfer, at::ones({40}, at::kDouble), {1.0, ConjugateGradient{iterations}});
    EXPECT_EQ(step.summary.iterations, iterations);
    EXPECT_EQ(applications, iterations);
    EXPECT_EQ(adjoints, iterations);  // the first is the right side
  }
}

TEST(CgSolver, ManyIterationsReachTheExactDirection) {
  const auto instance = make_dense({12, 8}, 3, {}, at::kDouble);
  const auto exact = flatten(proximal_direction(*instance.transfer, instance.grad_output, {1.0}).direction);
  const auto cg = proximal_direction(
      *instance.transfer, instance.grad_output,
      {1.0, ConjugateGradient{100, 1e-13, Coupling::per_output}, Scaling::sum, Route::feature_gram});
  EXPECT_LE(relative_error(flatten(cg.direction), exact), 1e-10);
  EXPECT_LT(cg.summary.iterations, 100) << "the tolerance must end the iteration";
}

TEST(ProximalOptions, InvalidValuesAreNamed) {
  const auto instance = make_dense({3, 4}, 2, {}, at::kFloat);
  for (const double tau_theta : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(proximal_direction(*instance.transfer, instance.grad_output, {tau_theta}), c10::Error);
  }
  EXPECT_THROW(proximal_direction(*instance.transfer, instance.grad_output, {1.0, ConjugateGradient{0}}), c10::Error);
  EXPECT_THROW(
      proximal_direction(*instance.transfer, instance.grad_output, {1.0, ConjugateGradient{3, -1.0}}), c10::Error);
}

TEST(Numerics, RepeatedSamplesKeepTheirDigitsAtLargeTau) {
  // K is singular but for 1 / tau_theta; the inverse's entries of size tau_theta cancel only in A^T.
  at::manual_seed(3);
  const auto half = at::rand({20, 300}, at::kDouble).to(at::kFloat);
  const auto input = at::cat({half, half});
  const auto g = at::randn({40, 30});  // unlike gradients of like samples
  for (const double tau_theta : {1.0, 1e3, 1e5}) {
    const ProximalOptions options{tau_theta, Cholesky{}, Scaling::sum, Route::sample_gram};
    const auto value = proximal_direction(DenseTransfer(input, 30, {}), g, options);
    const auto reference = proximal_direction(DenseTransfer(input.to(at::kDouble), 30, {}), g.to(at::kDouble), options);
    EXPECT_LE(relative_error(flatten(value.direction), flatten(reference.direction)), 1e-4)
        << "tau_theta = " << tau_theta;
  }
}

TEST(Numerics, AFewOutputsAreSolvedExactlyToo) {
  for (const int64_t outputs : {1, 2}) {
    const auto instance = ill_conditioned(100, 300, outputs, at::kFloat);
    const auto reference = ill_conditioned(100, 300, outputs, at::kDouble);
    const auto value = proximal_direction(*instance.transfer, instance.grad_output, {1.0});
    EXPECT_NE(value.summary.route, Route::matrix_free);
    EXPECT_LE(
        relative_error(
            flatten(value.direction),
            flatten(proximal_direction(*reference.transfer, reference.grad_output, {1.0}).direction)),
        1e-4);
  }
}

// The weight gradient on the feature route: a long float32 sum loses what the solve then amplifies.
TEST(Numerics, TheGradientOfManySamplesIsAccumulatedAccurately) {
  at::manual_seed(5);
  const auto input = (at::randn({20000, 10}, at::kDouble) * 0.1 + 10.0).to(at::kFloat);
  const auto g = at::randn({20000, 4}, at::kDouble).to(at::kFloat);
  const auto value = proximal_direction(DenseTransfer(input, 4, {}), g, {1.0});
  const auto reference = proximal_direction(DenseTransfer(input.to(at::kDouble), 4, {}), g.to(at::kDouble), {1.0});
  ASSERT_EQ(value.summary.route, Route::feature_gram);
  EXPECT_LE(relative_error(flatten(value.direction), flatten(reference.direction)), 1e-6);
}

TEST(ProximalDirection, RefusesAGradientOfAnotherShape) {
  const auto input = at::randn({2, 3, 8, 8});
  const ConvTransfer conv(input, {4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, {});
  EXPECT_THROW(proximal_direction(conv, at::randn({2, 4, 6, 6}), {}), c10::Error);
  EXPECT_THROW(proximal_direction(conv, at::randn({4, 4, 8, 8}), {}), c10::Error);
  const DenseTransfer dense(at::randn({5, 6}), 4, {});
  EXPECT_THROW(proximal_direction(dense, at::randn({4, 5}), {}), c10::Error);
  EXPECT_THROW(relative_residual(dense, at::randn({4, 5}), {}, {}), c10::Error);
}

TEST(ConvTransfer, RefusesAnImpossibleGeometry) {
  const auto input = at::randn({2, 3, 8, 8});
  const auto make = [&](ConvGeometry geometry) { return ConvTransfer(input, std::move(geometry), {}); };
  EXPECT_THROW(make({4, {3, 3}, {1, 1}, {-1, 0}, {1, 1}, 1}), c10::Error);
  EXPECT_THROW(make({4, {3, 3}, {0, 1}, {1, 1}, {1, 1}, 1}), c10::Error);
  EXPECT_THROW(make({4, {3, 3}, {1, 1}, {1, 1}, {1, 0}, 1}), c10::Error);
  EXPECT_THROW(make({4, {3, 3}, {1}, {1, 1}, {1, 1}, 1}), c10::Error);
  EXPECT_THROW(make({0, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}), c10::Error);
  EXPECT_THROW(make({4, {11, 3}, {1, 1}, {1, 1}, {1, 1}, 1}), c10::Error);
}

// z = a (theta_0 + theta_1)^T: the adjoint hands out one tensor for both parameters.
TEST(CgSolver, SharedStorageInTheAdjointIsNotWrittenTo) {
  at::manual_seed(1);
  const auto a = at::randn({6, 4}, at::kDouble), g = at::randn({6, 3}, at::kDouble);
  const FunctionTransfer transfer(
      {{3, 4}, {3, 4}}, [&](at::TensorList theta) { return at::mm(a, (theta[0] + theta[1]).t()); },
      [&](const at::Tensor& z) {
        const auto shared = at::mm(z.t(), a);
        return std::vector<at::Tensor>{shared, shared};
      });
  const auto value = flatten(proximal_direction(transfer, g, {0.5, ConjugateGradient{40, 1e-13}}).direction);
  EXPECT_LE(relative_error(value, dense_direction(transfer, g, 0.5)), 1e-10);
}

// Sizes without rows of outputs: joint inner products are all there is.
class RowlessTransfer final : public LinearTransfer {
 public:
  explicit RowlessTransfer(at::Tensor a) : a_(std::move(a)) {}
  std::vector<std::vector<int64_t>> parameter_shapes() const override { return {{3, a_.size(1)}}; }
  at::Tensor apply(at::TensorList theta) const override { return at::mm(a_, theta[0].t()); }
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override { return {at::mm(z.t(), a_)}; }
  std::optional<Dimensions> dimensions() const override { return Dimensions{a_.size(0), a_.size(1), 3, 1}; }

 private:
  at::Tensor a_;
};

TEST(ProximalDirection, ATransferWithoutRowsIsSolvedJointly) {
  at::manual_seed(1);
  const RowlessTransfer transfer(at::randn({6, 4}, at::kDouble));
  const auto g = at::randn({6, 3}, at::kDouble);
  const auto value = flatten(proximal_direction(transfer, g, {0.5, ConjugateGradient{40, 1e-13}}).direction);
  EXPECT_LE(relative_error(value, dense_direction(transfer, g, 0.5)), 1e-10);
  EXPECT_THROW(proximal_direction(transfer, g, {0.5, ConjugateGradient{3, 0, Coupling::per_output}}), c10::Error);
}

TEST(CgSolver, AToleranceThatIsNotReachedIsReported) {
  const auto instance = ill_conditioned(60, 200, 40, at::kDouble);
  for (const auto coupling : {Coupling::joint, Coupling::per_output}) {
    for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
      const auto status = [&](int64_t iterations) {
        const ProximalOptions options{1.0, ConjugateGradient{iterations, 1e-10, coupling}, Scaling::sum, route};
        return proximal_direction(*instance.transfer, instance.grad_output, options).summary.status;
      };
      EXPECT_EQ(status(2), Status::stalled) << to_string(route);
      EXPECT_EQ(status(2000), Status::ok) << to_string(route);
    }
  }
}

}  // namespace
}  // namespace proxprop::testing
