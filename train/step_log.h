#pragma once

#include "train/observer.h"

#include <ATen/core/Tensor.h>

#include <chrono>
#include <vector>

namespace proxprop::train {

/// The losses of the last steps. On a GPU reading a loss would wait for the step, so that they are collected there and
/// read together, every 50 steps or every second; on the CPU each is read at once.
class StepLog {
 public:
  explicit StepLog(bool on_gpu) : on_gpu_(on_gpu) {}

  /// `event.loss` is filled in later from `loss`.
  void add(const StepEvent& event, const at::Tensor& loss);

  bool empty() const { return events_.empty(); }
  bool flush_due() const;

  /// Hands out the events so far, with their losses; waits for the device.
  std::vector<StepEvent> flush();

 private:
  using Clock = std::chrono::steady_clock;

  bool on_gpu_;
  std::vector<StepEvent> events_;
  std::vector<at::Tensor> losses_;
  Clock::time_point last_flush_ = Clock::now();
};

}  // namespace proxprop::train
