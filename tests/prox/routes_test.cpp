// Every route and solver against a dense matrix built column by column from phi, float64.

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>

namespace proxprop::testing {
namespace {

constexpr double bound = 1e-10;

class Routes : public ::testing::TestWithParam<TransferCase> {};

TEST_P(Routes, ExactEqualsDenseSolve) {
  const auto instance = GetParam().make(at::kDouble);
  for (const double tau_theta : {0.05, 1.0, 100.0}) {
    const auto reference = dense_direction(*instance.transfer, instance.grad_output, tau_theta);
    for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
      const auto step =
          proximal_direction(*instance.transfer, instance.grad_output, {tau_theta, Cholesky{}, Scaling::sum, route});
      EXPECT_EQ(step.summary.status, Status::ok);
      EXPECT_LE(relative_error(flatten(step.direction), reference), bound)
          << to_string(route) << ", tau_theta = " << tau_theta;
    }
  }
}

TEST_P(Routes, MeanScalingDividesTheGramByTheRows) {
  const auto instance = GetParam().make(at::kDouble);
  const auto rows = double(instance.transfer->dimensions()->rows);
  const auto reference = dense_direction(*instance.transfer, instance.grad_output, 0.7, rows);
  for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
    const auto step =
        proximal_direction(*instance.transfer, instance.grad_output, {0.7, Cholesky{}, Scaling::mean, route});
    EXPECT_LE(relative_error(flatten(step.direction), reference), bound) << to_string(route);
  }
}

TEST_P(Routes, ConjugateGradientsAgreeOnEveryRoute) {
  const auto instance = GetParam().make(at::kDouble);
  for (const auto coupling : {Coupling::joint, Coupling::per_output}) {
    for (const int64_t iterations : {1, 2, 3, 5}) {
      const ConjugateGradient cg{iterations, 0.0, coupling};
      const auto reference =
          proximal_direction(*instance.transfer, instance.grad_output, {0.5, cg, Scaling::sum, Route::matrix_free});
      for (const auto route : {Route::sample_gram, Route::feature_gram}) {
        const auto step = proximal_direction(*instance.transfer, instance.grad_output, {0.5, cg, Scaling::sum, route});
        EXPECT_EQ(step.summary.iterations, iterations);
        EXPECT_LE(relative_error(flatten(step.direction), flatten(reference.direction)), bound)
            << to_string(route) << ", " << iterations << " iterations";
      }
    }
  }
}

// n iterations of conjugate gradients from zero, textbook form, on the dense matrix.
at::Tensor dense_cg(const at::Tensor& m, const at::Tensor& b, int64_t iterations) {
  auto x = at::zeros_like(b);
  auto r = b.clone();
  auto p = b.clone();
  for (int64_t i = 0; i < iterations && r.norm().item<double>() > 0; ++i) {
    const auto mp = at::mv(m, p);
    const auto alpha = r.dot(r) / p.dot(mp);
    x = x + alpha * p;
    const auto next = r - alpha * mp;
    p = next + next.dot(next) / r.dot(r) * p;
    r = next;
  }
  return x;
}

TEST_P(Routes, JointConjugateGradientIsTheTextbookIteration) {
  const auto instance = GetParam().make(at::kDouble);
  const auto phi = dense_phi(*instance.transfer, instance.grad_output.options());
  auto m = at::mm(phi.t(), phi);
  m.diagonal().add_(2.0);
  const auto b = at::mv(phi.t(), instance.grad_output.reshape({-1}));
  for (const int64_t iterations : {1, 3}) {
    const auto step = proximal_direction(
        *instance.transfer, instance.grad_output,
        {0.5, ConjugateGradient{iterations, 0.0, Coupling::joint}, Scaling::sum, Route::feature_gram});
    EXPECT_LE(relative_error(flatten(step.direction), dense_cg(m, b, iterations)), bound);
  }
}

TEST_P(Routes, AdjointIsTheTransposeOfApply) {
  const auto instance = GetParam().make(at::kDouble);
  EXPECT_LE(check_adjoint(*instance.transfer, instance.grad_output), 1e-13);
}

TEST_P(Routes, GramsEqualTheDenseOnes) {
  const auto instance = GetParam().make(at::kDouble);
  const auto& transfer = *instance.transfer;
  const auto phi = dense_phi(transfer, instance.grad_output.options());
  const auto sizes = *transfer.dimensions();
  // The dense Gram of output o, group by group: all outputs of a group share one.
  const auto gram = transfer.feature_gram();
  EXPECT_EQ(gram.sizes(), (at::IntArrayRef{sizes.groups, sizes.columns, sizes.columns}));
  const auto full = at::mm(phi.t(), phi);
  std::vector<at::Tensor> places;  // of each parameter in the flat vector
  int64_t first = 0;
  for (const auto& shape : transfer.parameter_shapes()) {
    const auto count = c10::multiply_integers(shape);
    places.push_back(at::arange(first, first + count).view(shape));
    first += count;
  }
  const auto index = at::cat(transfer.parameter_rows(places), 2).view({sizes.outputs, sizes.columns});
  for (int64_t o = 0; o < sizes.outputs; ++o) {
    const auto rows = full.index_select(0, index[o]).index_select(1, index[o]);
    EXPECT_LE(relative_error(gram[o / (sizes.outputs / sizes.groups)], rows), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Transfers,
    Routes,
    ::testing::ValuesIn(transfer_cases()),
    [](const ::testing::TestParamInfo<TransferCase>& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace proxprop::testing
