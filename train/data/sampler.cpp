#include "train/data/sampler.h"

#include "train/data/permutation.h"

#include <c10/util/Exception.h>

#include <algorithm>

namespace proxprop::train {

Sampler::Sampler(int64_t size, int64_t batch_size, uint64_t seed) : size_(size), batch_size_(batch_size), seed_(seed) {
  TORCH_CHECK(size >= 1, "Sampler: size must be at least 1, got ", size);
  TORCH_CHECK(batch_size >= 1, "Sampler: batch_size must be at least 1, got ", batch_size);
}

Sampler::State Sampler::state() const {
  return state_;
}

void Sampler::restore(State state) {
  TORCH_CHECK(
      state.epoch >= 0 && state.batch >= 0 && state.batch < batches_per_epoch(),
      "Sampler::restore: epoch must be at least 0 and batch in [0, ", batches_per_epoch(), "), got epoch ", state.epoch,
      ", batch ", state.batch, "; the position is of another data set or batch size");
  state_ = state;
  permutation_ = at::Tensor();
}

at::Tensor Sampler::next() {
  if (!permutation_.defined()) {
    permutation_ = seeded_permutation(size_, seed_, static_cast<uint64_t>(state_.epoch));
  }
  const int64_t first = state_.batch * batch_size_;
  at::Tensor indices = permutation_.narrow(0, first, std::min(batch_size_, size_ - first));
  if (++state_.batch == batches_per_epoch()) {
    state_ = {state_.epoch + 1, 0};
    permutation_ = at::Tensor();
  }
  return indices;
}

// Not (size + batch_size - 1) / batch_size, which overflows for a batch size that means "everything".
int64_t Sampler::batches_per_epoch() const {
  return size_ / batch_size_ + (size_ % batch_size_ != 0);
}

}  // namespace proxprop::train
