#pragma once

#include "train/config.h"

#include <cstdint>

namespace proxprop::train {

/// Names and numbers. Throws ConfigError.
void check_schedule(const ScheduleConfig& config);

/// Whether the factors of a run's first steps depend on how many epochs it is to have.
bool depends_on_epochs(const ScheduleConfig& config, int64_t epochs);

/// Factor on the learning rate. Warm-up grows linearly from 1 / (steps of warm-up) to 1; the schedule's own clock t
/// starts after it:
///   constant  1
///   step      gamma ^ floor(epochs of t / step_epochs)
///   cosine    (1 + cos(pi t / T)) / 2, T the steps of train.epochs without the warm-up; max_steps does not change it
///   inverse   1 / (1 + decay * steps of t)
class Schedule {
 public:
  /// Throws ConfigError. `epochs` is train.epochs.
  Schedule(const ScheduleConfig& config, int64_t batches_per_epoch, int64_t epochs);

  /// For the step that follows `step` finished ones.
  double factor(int64_t step) const;

 private:
  ScheduleConfig config_;
  int64_t batches_per_epoch_;
  int64_t warmup_steps_;
  int64_t total_steps_;
};

}  // namespace proxprop::train
