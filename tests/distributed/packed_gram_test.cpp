// A feature Gram that is sent comes back, and each of its numbers is sent once.

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include "prox/packed_gram.h"

#include <gtest/gtest.h>

namespace proxprop::testing {
namespace {

PackedGram packed_gram(const LinearTransfer& transfer) {
  return {*transfer.dimensions(), transfer.feature_gram_repeats()};
}

class PackedGrams : public ::testing::TestWithParam<TransferCase> {};

TEST_P(PackedGrams, ComeBack) {
  const auto instance = GetParam().make(at::kDouble);
  const auto packed = packed_gram(*instance.transfer);
  const auto gram = instance.transfer->feature_gram();
  const auto message = at::empty({packed.numbers()}, at::kDouble);
  packed.pack(gram, message);
  EXPECT_LE(relative_error(packed.unpack(message), gram), 1e-14);
}

INSTANTIATE_TEST_SUITE_P(AllTransfers, PackedGrams, ::testing::ValuesIn(transfer_cases()), [](const auto& each) {
  return each.param.name;
});

int64_t numbers_of_conv(std::vector<int64_t> size, const ConvGeometry& geometry) {
  return packed_gram(*make_conv(size, geometry, {true, false}, at::kDouble).transfer).numbers();
}

TEST(PackedGram, SendsHalfOfWhatRepeatsNothing) {
  EXPECT_EQ(packed_gram(*make_dense({3, 8}, 2, {true, false}, at::kDouble).transfer).numbers(), 8 * 9 / 2);
  EXPECT_EQ(numbers_of_conv({2, 6, 9, 9}, {4, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}), 6 * 7 / 2);
}

TEST(PackedGram, SendsAConvolutionsLagsAndBordersOnce) {
  // Along a dimension a pair of taps at lag 0 does not see the first pixel, or the last, or sees all; other lags have one
  // value each: 7 of 9 pairs, and of 5 taps 17 of 25. Halves of the blocks of equal taps.
  const auto count = [](int64_t distinct, int64_t equal, int64_t channels) {
    return (distinct - equal) / 2 * channels * channels + equal * channels * (channels + 1) / 2;
  };
  EXPECT_EQ(numbers_of_conv({2, 6, 9, 9}, {4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}), count(49, 9, 6));
  EXPECT_EQ(numbers_of_conv({2, 4, 9, 9}, {4, {5, 5}, {1, 1}, {2, 2}, {1, 1}, 1}), count(289, 25, 4));
}

}  // namespace
}  // namespace proxprop::testing
