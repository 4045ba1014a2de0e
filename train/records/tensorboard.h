#pragma once

#include "train/observer.h"
#include "train/records/event_file.h"

#include <filesystem>
#include <optional>

namespace proxprop::train {

/// Writes `run folder`/tensorboard for `tensorboard --logdir`: loss/batch and lr at each step; loss/... and
/// accuracy/... of train, validation and test after each epoch, all over the optimizer's steps; the configuration as
/// text. A resumed run writes a further file that voids what older files hold after the checkpoint. Every failure is a
/// RecordError.
class TensorBoardWriter : public Observer {
 public:
  explicit TensorBoardWriter(const std::filesystem::path& run_folder);

  void on_start(const RunStart& start) override;
  void on_step(const StepEvent& step) override;
  void on_epoch(const EpochEvent& epoch) override;
  void on_checkpoint(int64_t step) override;
  void on_end(const RunEnd& end) override;

 private:
  std::filesystem::path folder_;
  std::optional<EventFile> file_;
  bool has_validation_ = false;
  bool has_test_ = false;
};

}  // namespace proxprop::train
