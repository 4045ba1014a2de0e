#include "train/data/sampler.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>
#include <vector>

namespace proxprop::train::testing {
namespace {

std::vector<int64_t> values(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.contiguous();
  return {whole.data_ptr<int64_t>(), whole.data_ptr<int64_t>() + whole.numel()};
}

RC_GTEST_PROP(Sampler, AnEpochHandsOutEachRecordOnce, (uint64_t seed)) {
  const auto size = *rc::gen::inRange<int64_t>(1, 200), batch_size = *rc::gen::inRange<int64_t>(1, 220);
  Sampler sampler(size, batch_size, seed);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::multiset<int64_t> seen;
    for (int64_t batch = 0; batch < sampler.batches_per_epoch(); ++batch) {
      const auto indices = values(sampler.next());
      RC_ASSERT(static_cast<int64_t>(indices.size()) == std::min(batch_size, size - batch * batch_size));
      seen.insert(indices.begin(), indices.end());
    }
    RC_ASSERT(static_cast<int64_t>(seen.size()) == size);
    RC_ASSERT(*seen.begin() == 0);
    RC_ASSERT(*seen.rbegin() == size - 1);
    RC_ASSERT(std::set<int64_t>(seen.begin(), seen.end()).size() == seen.size());
  }
}

RC_GTEST_PROP(Sampler, RestoringGoesOnAsIfNotStopped, (uint64_t seed)) {
  const auto size = *rc::gen::inRange<int64_t>(1, 100), batch_size = *rc::gen::inRange<int64_t>(1, 30);
  Sampler whole(size, batch_size, seed), resumed(size, batch_size, seed);
  for (int steps = *rc::gen::inRange(0, 50); steps > 0; --steps) {
    whole.next();
  }
  resumed.restore(whole.state());
  for (int step = 0; step < 20; ++step) {
    RC_ASSERT(values(whole.next()) == values(resumed.next()));
  }
}

TEST(Sampler, EpochsAreShuffledDifferently) {
  Sampler sampler(100, 100, 0);
  EXPECT_NE(values(sampler.next()), values(sampler.next()));
}

TEST(Sampler, TheLastBatchOfAnEpochEndsIt) {
  Sampler sampler(5, 2, 0);
  EXPECT_EQ(sampler.batches_per_epoch(), 3);
  sampler.next();
  EXPECT_EQ(sampler.state().batch, 1);
  sampler.next();
  EXPECT_EQ(sampler.next().size(0), 1);
  EXPECT_EQ(sampler.state().epoch, 1);
  EXPECT_EQ(sampler.state().batch, 0);
}

TEST(Sampler, AHugeBatchIsTheWholeEpoch) {
  Sampler sampler(5, std::numeric_limits<int64_t>::max(), 0);
  EXPECT_EQ(sampler.batches_per_epoch(), 1);
  EXPECT_EQ(sampler.next().size(0), 5);
}

TEST(Sampler, RestoringLeavesEarlierBatchesAlone) {
  Sampler sampler(10, 5, 0);
  const at::Tensor indices = sampler.next();
  const auto before = values(indices);
  sampler.restore({3, 1});
  sampler.next();
  EXPECT_EQ(values(indices), before);
}

TEST(Sampler, RefusesPositionsThatThereCannotBe) {
  Sampler sampler(10, 5, 0);
  EXPECT_THROW(sampler.restore({0, 2}), c10::Error);
  EXPECT_THROW(sampler.restore({-1, 0}), c10::Error);
  EXPECT_THROW(sampler.restore({0, -1}), c10::Error);
}

TEST(Sampler, RefusesNoRecordsAndNoBatch) {
  EXPECT_THROW(Sampler(0, 5, 0), c10::Error);
  EXPECT_THROW(Sampler(5, 0, 0), c10::Error);
}

}  // namespace
}  // namespace proxprop::train::testing
