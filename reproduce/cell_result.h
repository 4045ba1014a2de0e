#pragma once
// What the runs of one cell came to, over their seeds.

#include "reproduce/experiment.h"
#include "reproduce/run_store.h"

#include <cstdint>
#include <vector>

namespace proxprop::reproduce {

/// A number over the seeds. NaN: not known.
struct Spread {
  double mean = PaperValues::unknown;
  double low = PaperValues::unknown;
  double high = PaperValues::unknown;
};
Spread spread_of(const std::vector<double>& values);

/// A quantity after each epoch, over the seeds.
struct Band {
  std::vector<double> mean, low, high;
};

/// The runs that are shown are those that have all epochs that are asked for; where there is none, the one that is
/// furthest. Longer runs are cut to these epochs.
struct CellResult {
  Cell cell;
  int64_t seeds = 0;        ///< runs that are shown; 0: nothing is there yet
  bool complete = false;    ///< they have all epochs that are asked for
  int64_t diverged = 0;     ///< how many of them diverged
  int64_t diverged_at = 0;  ///< the step at which the first of these did

  std::vector<int64_t> epoch, step;  ///< step: optimizer steps up to then
  std::vector<double> evaluations;   ///< of the gradient up to then, mean over the seeds; empty: not recorded
  Band train_loss, validation_accuracy, test_accuracy;

  Spread final_train_loss;  ///< of the runs that did not diverge; so are all below
  Spread best_validation_accuracy;
  Spread best_epoch;  ///< the first with that accuracy
  Spread test_accuracy_at_best;
  Spread peak_resident_bytes;  ///< of the runs' processes

  /// What a curve over the epochs, such as `evaluations`, had come to at the best epoch; NaN: it is empty.
  double at_best(const std::vector<double>& curve) const;
};

/// Throws train::RecordError where a record cannot be read.
CellResult read_cell(const Cell& cell, int64_t seeds, const RunStore& store);

/// Where the curve of y over x, straight between its points, first comes down to `level`, or up to it where `rising`;
/// NaN: never.
double crossing(const std::vector<double>& x, const std::vector<double>& y, double level, bool rising = false);

/// The curve's value at `at`, which is cut to the range of x.
double value_at(const std::vector<double>& x, const std::vector<double>& y, double at);

}  // namespace proxprop::reproduce
