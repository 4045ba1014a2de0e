#pragma once

#include "train/data/fetch.h"

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace proxprop::app {

/// A signal has asked to stop; what was done so far is saved.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How far a download is, on standard error: a line that is redrawn on a terminal, a line per file elsewhere.
class FetchBar {
 public:
  FetchBar(bool quiet, const std::atomic<bool>& stop);

  /// Throws Interrupted when a signal has come.
  void show(const train::FetchProgress& progress);
  /// Removes the redrawn line.
  void clear();

 private:
  bool quiet_;
  bool terminal_;
  const std::atomic<bool>& stop_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace proxprop::app
