#include "train/data/permutation.h"

#include "train/data/random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace proxprop::train::testing {
namespace {

std::vector<int64_t> values(const at::Tensor& tensor) {
  return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
}

RC_GTEST_PROP(Permutation, HoldsEachIndexOnce, (uint64_t seed, uint64_t epoch)) {
  const auto size = *rc::gen::inRange<int64_t>(0, 2000);
  auto permuted = values(seeded_permutation(size, seed, epoch));
  std::sort(permuted.begin(), permuted.end());
  std::vector<int64_t> all(static_cast<size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  RC_ASSERT(permuted == all);
}

RC_GTEST_PROP(Permutation, DependsOnSeedAndEpochAlone, (uint64_t seed, uint64_t epoch)) {
  const auto permuted = values(seeded_permutation(100, seed, epoch));
  RC_ASSERT(values(seeded_permutation(100, seed, epoch)) == permuted);
  RC_ASSERT(values(seeded_permutation(100, seed, epoch + 1)) != permuted);
  RC_ASSERT(values(seeded_permutation(100, seed + 1, epoch)) != permuted);
}

TEST(Permutation, IsTheSameOnEveryPlatform) {
  EXPECT_EQ(values(seeded_permutation(10, 0, 0)), (std::vector<int64_t>{0, 2, 5, 7, 6, 8, 3, 9, 1, 4}));
  EXPECT_EQ(values(seeded_permutation(10, 1, 7)), (std::vector<int64_t>{7, 5, 6, 2, 3, 0, 1, 4, 9, 8}));
}

TEST(Permutation, PutsEveryIndexEverywhereEquallyOften) {
  constexpr int kSize = 5, kTrials = 20000;
  int counts[kSize][kSize] = {};
  for (int epoch = 0; epoch < kTrials; ++epoch) {
    const auto permuted = values(seeded_permutation(kSize, 3, static_cast<uint64_t>(epoch)));
    for (size_t place = 0; place < kSize; ++place) {
      ++counts[place][permuted[place]];
    }
  }
  for (const auto& row : counts) {
    for (const int count : row) {
      EXPECT_NEAR(count, kTrials / kSize, 6 * 57);  // six standard deviations of a binomial count
    }
  }
}

TEST(SplitMix64, GivesThePublishedNumbers) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
}

RC_GTEST_PROP(SplitMix64Property, BelowStaysBelow, (uint64_t seed)) {
  const auto bound = *rc::gen::map(rc::gen::arbitrary<uint64_t>(), [](uint64_t x) { return std::max<uint64_t>(x, 1); });
  RC_ASSERT(SplitMix64(seed).below(bound) < bound);
}

}  // namespace
}  // namespace proxprop::train::testing
