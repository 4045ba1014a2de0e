#pragma once

#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <cstdint>

namespace proxprop::benchmarks {

/// Counts the bytes of tensors and of the core's workspaces, which come from the same allocator. The libraries' own
/// scratch memory (MKL, oneDNN) is not in it.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* base) : base_(base) {}

  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { base_->copy_data(to, from, bytes); }

  int64_t live() const { return live_; }
  int64_t peak() const { return peak_; }
  void restart_peak() { peak_ = live_.load(); }

 private:
  struct Header;
  static void release(void* data);

  c10::Allocator* base_;
  std::atomic<int64_t> live_{0};
  std::atomic<int64_t> peak_{0};
};

/// The one that counts from its first use on, installed for good: tensors outlive whoever looks at their bytes.
CountingAllocator& counting_allocator();

}  // namespace proxprop::benchmarks
