#pragma once

#include "train/observer.h"
#include "train/records/metrics_reader.h"
#include "train/records/posix_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace proxprop::train {

/// Writes metrics.jsonl (canonical: one JSON object per event, see event_json.h) and metrics.csv (one row per epoch)
/// into a run folder. Each event is handed to the operating system at once, and forced to the disk at each epoch and
/// before each checkpoint.
///
/// When a run is resumed at step k, what was recorded after step k is dropped, so that the files end up as those of a
/// run that was never stopped, apart from times. An event that is already there is not recorded twice: it makes no
/// difference whether a checkpoint was taken before or after the event of its own step. Every failure is a RecordError.
class MetricsWriter : public Observer {
 public:
  explicit MetricsWriter(const std::filesystem::path& run_folder);

  void on_start(const RunStart& start) override;
  void on_step(const StepEvent& step) override;
  void on_energy(const EnergyEvent& energy) override;
  void on_residual(const ResidualEvent& residual) override;
  void on_epoch(const EpochEvent& epoch) override;
  void on_checkpoint(int64_t step) override;
  void on_end(const RunEnd& end) override;

 private:
  void begin_files(const std::vector<Event>& events);
  void append(const Event& event);

  std::filesystem::path jsonl_path_;
  std::filesystem::path csv_path_;
  std::optional<PosixFile> jsonl_;
  std::optional<PosixFile> csv_;
  int64_t last_step_ = 0;         // of the step events recorded so far
  int64_t last_epoch_step_ = -1;  // of the epoch events
};

}  // namespace proxprop::train
