#pragma once
// What the tests of this room share: a folder that goes away, and a small training run told to observers.

#include "tests/train/temporary_folder.h"
#include "train/observer.h"
#include "train/records/record_error.h"
#include "train/records/run_record.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace proxprop::train::scene {

std::string content(const std::filesystem::path& path);
void put(const std::filesystem::path& path, const std::string& text);

/// The message of the RecordError that `action` throws; empty: it threw none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const RecordError& error) {
    return error.what();
  }
  return "";
}

/// A run of `epochs` epochs of 4 batches whose training loss is 2 * `decay`^epoch and whose epochs take `pace` seconds.
struct Play {
  std::string label = "exact";
  std::string method = "exact";
  int64_t epochs = 3;
  double decay = 0.5;
  double pace = 1.5;

  static constexpr int64_t batches = 4;
  RunStart start() const;
  StepEvent step(int64_t step) const;
  EpochEvent epoch(int64_t epoch) const;
  RunEnd end() const;

  /// Tells what happens after step `from` up to step `to`; the start is told first, as resumed where from > 0; the end
  /// is told when `to` is the last step.
  void tell(Observer& observer, int64_t from, int64_t to) const;
  void tell(Observer& observer) const { tell(observer, 0, epochs * batches); }

  /// What read_runs would give of such a run, without the disk.
  RunRecord record() const;
};

}  // namespace proxprop::train::scene
