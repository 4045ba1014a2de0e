#include "train/data/permutation.h"

#include "train/data/random.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <numeric>
#include <utility>

namespace proxprop::train {

at::Tensor seeded_permutation(int64_t size, uint64_t seed, uint64_t epoch) {
  TORCH_CHECK(size >= 0, "seeded_permutation: size must be at least 0, got ", size);
  at::Tensor permutation = at::empty({size}, at::kLong);
  int64_t* values = permutation.data_ptr<int64_t>();
  std::iota(values, values + size, int64_t{0});
  SplitMix64 random(seed, epoch);
  for (int64_t left = size; left > 1; --left) {
    std::swap(values[left - 1], values[random.below(static_cast<uint64_t>(left))]);
  }
  return permutation;
}

}  // namespace proxprop::train
