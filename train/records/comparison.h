#pragma once

#include "train/records/run_record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::train {

/// One run in numbers, beside a baseline. NaN: not known.
struct RunSummary {
  std::string label;
  std::string status;           ///< of RunEnd; "unfinished" where there is none
  int64_t epochs = 0;           ///< done
  double seconds = 0;           ///< training time
  double evaluations = 0;       ///< gradient evaluations, see EpochEvent
  double final_train_loss = 0;  ///< after the last epoch
  double best_validation_accuracy = 0;
  int64_t best_epoch = 0;        ///< the first with that accuracy; the last epoch where nothing validates
  double test_accuracy = 0;      ///< after best_epoch
  double seconds_per_epoch = 0;  ///< median
  double seconds_ratio = 0;      ///< seconds_per_epoch over the baseline's
  double seconds_to_baseline_loss =
      0;                ///< training time until the curve first reaches the baseline's final training loss
  double speed_up = 0;  ///< the baseline's time to that loss over this run's
};

/// The run that the others are compared with: the first whose method is backprop, else the first.
size_t baseline_index(const std::vector<RunRecord>& runs);

/// One summary per run. `runs` must not be empty.
std::vector<RunSummary> summarize(const std::vector<RunRecord>& runs);

/// The first epoch of the highest validation accuracy; the last one where nothing validates; nullptr without epochs.
const EpochEvent* best_epoch(const std::vector<EpochEvent>& epochs);

/// Median training time of an epoch; NaN: there is none.
double median_seconds_per_epoch(const std::vector<EpochEvent>& epochs);

/// Training time at which the curve of training losses, straight between epochs, first comes down to `loss`; NaN:
/// never.
double seconds_to_loss(const std::vector<EpochEvent>& epochs, double loss);

/// A key of the configuration, e.g. "method.tau_theta", with its value in each run, as text.
struct ConfigRow {
  std::string key;
  std::vector<std::string> values;
  bool differs = false;
};
std::vector<ConfigRow> compare_configs(const std::vector<RunRecord>& runs);

}  // namespace proxprop::train
