#pragma once

#include <chrono>

namespace proxprop::train {

/// Adds up the time between start and stop.
class Stopwatch {
 public:
  explicit Stopwatch(double seconds = 0) : seconds_(seconds) {}

  void start() { started_ = Clock::now(); }
  void stop() { seconds_ += std::chrono::duration<double>(Clock::now() - started_).count(); }
  double seconds() const { return seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  double seconds_;
  Clock::time_point started_;
};

}  // namespace proxprop::train
