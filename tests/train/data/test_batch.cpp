#include "train/data/batch.h"

#include "train/data/sampler.h"
#include "train/data/synthetic.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

/// 256 images of one pixel, of all values.
LabelledImages all_values() {
  return {at::arange(256, at::kByte).view({256, 1, 1, 1}), at::arange(256, at::kLong)};
}

TEST(ToBatch, PixelsAreDividedBy255) {
  const LabelledImages data = all_values();
  const auto [inputs, labels] = to_batch(data, at::arange(256, at::kLong), at::kDouble, at::kCPU);
  for (int64_t i = 0; i < 256; ++i) {
    EXPECT_EQ(inputs[i].item<double>(), static_cast<double>(i) / 255.0);
  }
}

TEST(ToBatch, PixelsLieInZeroToOne) {
  const auto [inputs, labels] = to_batch(all_values(), at::arange(256, at::kLong), at::kFloat, at::kCPU);
  EXPECT_EQ(inputs.min().item<float>(), 0.0F);
  EXPECT_EQ(inputs.max().item<float>(), 1.0F);
}

TEST(ToBatch, TakesTheRecordsInTheGivenOrder) {
  const LabelledImages data = make_synthetic({}, 20, 0);
  const at::Tensor indices = at::tensor({7, 3, 3, 19}, at::kLong);
  const auto [inputs, labels] = to_batch(data, indices, at::kFloat, at::kCPU);
  EXPECT_EQ(inputs.sizes().vec(), (std::vector<int64_t>{4, 3, 32, 32}));
  EXPECT_EQ(inputs.scalar_type(), at::kFloat);
  EXPECT_EQ(labels.scalar_type(), at::kLong);
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t record = indices[i].item<int64_t>();
    EXPECT_TRUE(inputs[i].equal(data.images[record].to(at::kFloat).div(255)));
    EXPECT_EQ(labels[i].item<int64_t>(), data.labels[record].item<int64_t>());
  }
}

TEST(ToBatch, LeavesTheDataAlone) {
  const LabelledImages data = make_synthetic({}, 5, 0);
  const at::Tensor before = data.images.clone();
  to_batch(data, at::arange(5, at::kLong), at::kFloat, at::kCPU);
  EXPECT_TRUE(data.images.equal(before));
}

TEST(ToBatch, NoIndicesAreAnEmptyBatch) {
  const auto [inputs, labels] = to_batch(make_synthetic({}, 5, 0), at::empty({0}, at::kLong), at::kFloat, at::kCPU);
  EXPECT_EQ(inputs.sizes().vec(), (std::vector<int64_t>{0, 3, 32, 32}));
  EXPECT_EQ(labels.numel(), 0);
}

TEST(ToBatch, RefusesWhatIsNoBatch) {
  const LabelledImages data = make_synthetic({}, 5, 0);
  EXPECT_THROW(to_batch(data, at::arange(5, at::kFloat), at::kFloat, at::kCPU), c10::Error);
  EXPECT_THROW(to_batch(data, at::tensor({5}, at::kLong), at::kFloat, at::kCPU), c10::Error);
  EXPECT_THROW(to_batch(data, at::arange(5, at::kLong), at::kInt, at::kCPU), c10::Error);
  EXPECT_THROW(to_batch({}, at::arange(5, at::kLong), at::kFloat, at::kCPU), c10::Error);
}

// Batches are made by threads of LibTorch, which take turns in another order each time.
TEST(ToBatch, HasTheSameBitsForAnyNumberOfThreads) {
  const LabelledImages plain = make_synthetic({}, 300, 0);
  const LabelledImages mapped{plain.images, plain.labels, {{0.01, 0.02, 0.03}, {-0.5, 0.25, 0.125}}};
  const int before = at::get_num_threads();
  std::vector<at::Tensor> expected;
  for (const int threads : {1, 2, 3, 8}) {
    at::set_num_threads(threads);
    std::vector<at::Tensor> batches;
    for (const LabelledImages* data : {&plain, &mapped}) {
      Sampler sampler(data->records(), 128, 7);
      for (int64_t i = 0; i < 5; ++i) {  // into the second epoch
        const auto [inputs, labels] = to_batch(*data, sampler.next(), at::kFloat, at::kCPU);
        batches.insert(batches.end(), {inputs, labels});
      }
    }
    if (expected.empty())
      expected = batches;
    for (size_t i = 0; i < batches.size(); ++i)
      EXPECT_TRUE(batches[i].equal(expected[i])) << threads << " threads, tensor " << i;
  }
  at::set_num_threads(before);
}

}  // namespace
}  // namespace proxprop::train::testing
