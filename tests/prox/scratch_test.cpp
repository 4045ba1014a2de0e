// What the pool of scratch memory asks of the system.

#include "prox/scratch.h"

#include <proxprop/prox/scratch_memory.h>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstring>

namespace proxprop {
namespace {

// LibTorch's, and how often it was asked.
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    ++calls;
    return c10::GetDefaultCPUAllocator()->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return c10::GetDefaultCPUAllocator()->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }

  int calls = 0;
};

constexpr int64_t mebibyte = int64_t(1) << 17;  // in float64 numbers

class Scratch : public ::testing::Test {
 protected:
  void SetUp() override {
    c10::SetCPUAllocator(&allocator_, /*priority=*/200);
    release_scratch_memory();
  }
  void TearDown() override {
    release_scratch_memory();
    c10::SetCPUAllocator(c10::GetDefaultCPUAllocator(), /*priority=*/200);
  }

  // How often the system is asked where tensors of `numbers` numbers are made and all of them live.
  int requests(const std::vector<int64_t>& numbers) {
    const auto before = allocator_.calls;
    std::vector<at::Tensor> tensors;
    for (const auto count : numbers) {
      tensors.push_back(scratch({count}));
    }
    return allocator_.calls - before;
  }

 private:
  CountingAllocator allocator_;
};

TEST_F(Scratch, MemoryGoesToTheNextTensorOfItsSize) {
  EXPECT_EQ(requests({2 * mebibyte, 3 * mebibyte}), 2);
  EXPECT_EQ(requests({3 * mebibyte, 2 * mebibyte}), 0);
  EXPECT_EQ(requests({2 * mebibyte, 2 * mebibyte}), 0) << "a larger block does, too";
  EXPECT_EQ(requests({2 * mebibyte, 3 * mebibyte, 3 * mebibyte}), 1);
}

TEST_F(Scratch, ABlockServesHalfOfItsSizeButNotLess) {
  EXPECT_EQ(requests({4 * mebibyte}), 1);
  EXPECT_EQ(requests({2 * mebibyte - 1}), 1);
  EXPECT_EQ(requests({2 * mebibyte, 2 * mebibyte - 1}), 0);
}

TEST_F(Scratch, OneMebibyteIsKeptAndLessIsNot) {
  EXPECT_EQ(requests({mebibyte}), 1);
  EXPECT_EQ(requests({mebibyte}), 0);
  EXPECT_EQ(requests({mebibyte - 1}), 1);
  EXPECT_EQ(requests({mebibyte - 1}), 1);
}

// The limit holds for what is free; the memory is not written to, so that it costs the system nothing.
TEST_F(Scratch, KeepsAsMuchAsItsLimitAndDropsTheLargest) {
  const auto quarter = scratch_limit / int64_t(sizeof(double)) / 4;
  EXPECT_EQ(requests({quarter, quarter, quarter, quarter}), 4);
  EXPECT_EQ(requests({quarter, quarter, quarter, quarter}), 0);
  EXPECT_EQ(requests({quarter, quarter, quarter, quarter, mebibyte}), 1);
  EXPECT_EQ(requests({mebibyte, quarter, quarter, quarter}), 0);
  EXPECT_EQ(requests({quarter, quarter, quarter, quarter}), 1);
}

TEST_F(Scratch, ReleasedMemoryIsGoneAndDoesNotCount) {
  const auto quarter = scratch_limit / int64_t(sizeof(double)) / 4;
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(requests({quarter, quarter, quarter, quarter}), 4);
    EXPECT_EQ(requests({quarter, quarter, quarter, quarter}), 0);
    release_scratch_memory();
  }
}

}  // namespace
}  // namespace proxprop
