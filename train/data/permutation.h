#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop::train {

/// A permutation of 0 ... size - 1 (int64, size) that depends on (size, seed, epoch) alone: Fisher-Yates driven by
/// SplitMix64, the same on every platform. size >= 0.
at::Tensor seeded_permutation(int64_t size, uint64_t seed, uint64_t epoch);

}  // namespace proxprop::train
