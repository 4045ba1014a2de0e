#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace proxprop {

/// Runs `run(task)` for every task below `tasks`. Threads take the next one when they are done with theirs: for tasks
/// of unequal length. One after the other where not `threaded`.
template <typename Run>
void in_parallel(int64_t tasks, bool threaded, const Run& run) {
  if (!threaded) {
    for (int64_t task = 0; task < tasks; ++task) {
      run(task);
    }
    return;
  }
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), tasks), 1, [&](int64_t begin, int64_t end) {
    for (auto worker = begin; worker < end; ++worker) {
      for (int64_t task = next++; task < tasks; task = next++) {
        run(task);
      }
    }
  });
}

}  // namespace proxprop
