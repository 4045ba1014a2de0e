#include "prox/scratch.h"

#include <proxprop/prox/scratch_memory.h>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>

#include <map>
#include <mutex>

namespace proxprop {

namespace {

// Smaller ones come from the allocator's own lists, without the system.
constexpr size_t smallest_kept = size_t(1) << 20;

struct Pool {
  std::mutex mutex;
  std::multimap<size_t, c10::DataPtr> free;  // by size
  size_t bytes = 0;

  // A free block that is large enough, but not twice as large as needed.
  bool take(size_t wanted, size_t& size, c10::DataPtr& block) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = free.lower_bound(wanted);
    if (found == free.end() || found->first > 2 * wanted) {
      return false;
    }
    size = found->first;
    block = std::move(found->second);
    bytes -= size;
    free.erase(found);
    return true;
  }

  // The largest blocks that do not fit go back to the system.
  void give(size_t size, c10::DataPtr block) {
    std::vector<c10::DataPtr> dropped;  // freed without the lock
    const std::lock_guard<std::mutex> lock(mutex);
    free.emplace(size, std::move(block));
    bytes += size;
    while (bytes > size_t(scratch_limit)) {
      const auto largest = std::prev(free.end());
      bytes -= largest->first;
      dropped.push_back(std::move(largest->second));
      free.erase(largest);
    }
  }
};

// Never destroyed: tensors may outlive static objects.
Pool& pool() {
  static auto* const instance = new Pool;
  return *instance;
}

}  // namespace

at::Tensor scratch(at::IntArrayRef sizes) {
  const auto options = at::dtype(at::kDouble);
  auto size = size_t(c10::multiply_integers(sizes)) * sizeof(double);
  if (size < smallest_kept) {
    return at::empty(sizes, options);
  }
  c10::DataPtr block;
  if (!pool().take(size, size, block)) {
    block = c10::GetCPUAllocator()->allocate(size);
  }
  void* const data = block.get();
  const auto owner = std::make_shared<c10::DataPtr>(std::move(block));
  return at::from_blob(
      data, sizes, [owner, size](void*) { pool().give(size, std::move(*owner)); }, options);
}

void release_scratch_memory() {
  std::multimap<size_t, c10::DataPtr> freed;  // without the lock
  const std::lock_guard<std::mutex> lock(pool().mutex);
  freed.swap(pool().free);
  pool().bytes = 0;
}

at::Tensor zero_scratch(at::IntArrayRef sizes) {
  return scratch(sizes).fill_(0);  // threaded, which zero_ is not
}

}  // namespace proxprop
