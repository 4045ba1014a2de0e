#pragma once

#include <bit>
#include <cstdint>

namespace proxprop::train {

/// SplitMix64 (Steele, Lea, Flood 2014): a counter in steps of the golden ratio, each value scrambled. 64 bits of
/// state, no libm, the same numbers on every platform, which std::uniform_int_distribution and std::shuffle do not
/// promise.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : counter_(seed) {}

  /// The stream `stream` of `seed`: different pairs start at unrelated places.
  SplitMix64(uint64_t seed, uint64_t stream) : counter_(scramble(scramble(seed) + stream)) {}

  uint64_t next() { return scramble(counter_ += 0x9e3779b97f4a7c15ULL); }

  /// Uniform in [0, bound), without bias; bound >= 1. Draws the fewest bits that hold bound - 1 until they are below
  /// it, fewer than two draws on average.
  uint64_t below(uint64_t bound) {
    const uint64_t mask = bound <= 1 ? 0 : ~uint64_t{0} >> std::countl_zero(bound - 1);
    uint64_t value;
    do {
      value = next() & mask;
    } while (value >= bound);
    return value;
  }

 private:
  static uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  uint64_t counter_;
};

}  // namespace proxprop::train
