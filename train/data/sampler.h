#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop::train {

/// Seeded shuffling without replacement. The permutation of an epoch depends on (seed, epoch, size) alone, by an
/// algorithm of our own (seeded_permutation), so that it is the same on every platform and for every method that is
/// compared.
///
///     Sampler sampler(dataset.train.records(), 500, seed);
///     auto [inputs, labels] = to_batch(dataset.train, sampler.next(), at::kFloat, at::kCPU);
class Sampler {
 public:
  /// size and batch_size at least 1.
  Sampler(int64_t size, int64_t batch_size, uint64_t seed);

  /// Position, for checkpoints.
  struct State {
    int64_t epoch = 0;  ///< epochs begun before the current one
    int64_t batch = 0;  ///< batches of the current epoch already handed out, less than batches_per_epoch()
  };

  /// Right after the last batch of epoch e this is {e + 1, 0}.
  State state() const;

  /// Goes on where a sampler of the same size, batch size and seed was. Refuses a position that there cannot be.
  void restore(State state);

  /// Indices (int64) of the next batch; the last batch of an epoch may be smaller. Moves on to the next epoch by
  /// itself.
  at::Tensor next();

  int64_t batches_per_epoch() const;

 private:
  int64_t size_;
  int64_t batch_size_;
  uint64_t seed_;
  State state_;
  at::Tensor permutation_;  ///< of state_.epoch; undefined until it is needed
};

}  // namespace proxprop::train
