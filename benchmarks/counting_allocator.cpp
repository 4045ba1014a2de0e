#include "benchmarks/counting_allocator.h"

namespace proxprop::benchmarks {

// In front of the data, whose alignment it keeps.
struct alignas(64) CountingAllocator::Header {
  CountingAllocator* owner;
  int64_t bytes;
  c10::DataPtr whole;
};

c10::DataPtr CountingAllocator::allocate(size_t bytes) {
  auto whole = base_->allocate(bytes + sizeof(Header));
  const auto now = live_ += int64_t(bytes);
  for (auto peak = peak_.load(); peak < now && !peak_.compare_exchange_weak(peak, now);) {
  }
  const auto device = whole.device();
  auto* header = new (whole.get()) Header{this, int64_t(bytes), std::move(whole)};
  void* data = header + 1;
  return {data, data, &release, device};
}

void CountingAllocator::release(void* data) {
  auto* header = static_cast<Header*>(data) - 1;
  header->owner->live_ -= header->bytes;
  const auto whole = std::move(header->whole);
  header->~Header();
}

CountingAllocator& counting_allocator() {
  static auto* const allocator = [] {
    auto* counting = new CountingAllocator(c10::GetCPUAllocator());
    c10::SetCPUAllocator(counting, /*priority=*/100);
    return counting;
  }();
  return *allocator;
}

}  // namespace proxprop::benchmarks
