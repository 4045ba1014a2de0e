// What methods with Kronecker-factored curvature take from the core, against ATen in float64.

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/kronecker.h>

#include <gtest/gtest.h>

#include <limits>

namespace proxprop::testing {
namespace {

class Kronecker : public ::testing::TestWithParam<TransferCase> {};

at::Tensor definite(int64_t groups, int64_t n) {
  const auto x = at::randn({groups, n, n + 2}, at::kDouble);
  return at::bmm(x, x.transpose(1, 2));
}

TEST_P(Kronecker, GramsAreSumsOverRows) {
  const auto instance = GetParam().make(at::kDouble);
  const auto rows = instance.transfer->output_rows(instance.grad_output);
  const auto gram = output_gram(*instance.transfer, instance.grad_output);
  EXPECT_LE(relative_error(gram, at::bmm(rows.transpose(1, 2), rows)), 1e-14);
  EXPECT_TRUE(input_gram(*instance.transfer).equal(instance.transfer->feature_gram()));
}

TEST_P(Kronecker, TheProductIsThatOfTheMatrixOfParameters) {
  const auto instance = GetParam().make(at::kDouble);
  const auto& transfer = *instance.transfer;
  const auto sizes = *transfer.dimensions();
  std::vector<at::Tensor> theta;
  for (const auto& shape : transfer.parameter_shapes()) {
    theta.push_back(at::randn(shape, at::kDouble));
  }
  const auto left = definite(sizes.groups, sizes.outputs / sizes.groups), right = definite(sizes.groups, sizes.columns);
  const auto product = kronecker_product(transfer, left, theta, right);
  const auto expected = at::bmm(at::bmm(left, at::cat(transfer.parameter_rows(theta), 2)), right);
  EXPECT_LE(relative_error(at::cat(transfer.parameter_rows(product), 2), expected), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(
    Transfers,
    Kronecker,
    ::testing::ValuesIn(transfer_cases()),
    [](const ::testing::TestParamInfo<TransferCase>& parameter) { return parameter.param.name; });

TEST(DampedInverse, IsTheInverseOfTheDampedGram) {
  at::manual_seed(2);
  const auto gram = definite(3, 70), before = gram.clone();
  const auto found = damped_inverse(gram, 0.7);
  EXPECT_EQ(found.status, Status::ok);
  EXPECT_EQ(found.jitter, 0.0);
  EXPECT_TRUE(gram.equal(before));
  const auto unit = at::eye(70, at::kDouble);
  EXPECT_LE(relative_error(at::bmm(found.inverse, gram + 0.7 * unit), unit.expand({3, 70, 70})), 1e-10);
}

TEST(DampedInverse, SaysWhatItCouldNotDo) {
  const auto singular = damped_inverse(at::ones({1, 4, 4}, at::kDouble), 1e-30);
  EXPECT_EQ(singular.status, Status::regularized);
  EXPECT_GT(singular.jitter, 0.0);
  EXPECT_TRUE(singular.inverse.isfinite().all().item<bool>());
  const auto nan = damped_inverse(at::full({1, 4, 4}, std::numeric_limits<double>::quiet_NaN(), at::kDouble), 1.0);
  EXPECT_EQ(nan.status, Status::not_finite);
  EXPECT_TRUE(nan.inverse.isnan().all().item<bool>());
}

}  // namespace
}  // namespace proxprop::testing
