#pragma once
// An experiment with all that is known of it.

#include "reproduce/cell_result.h"
#include "reproduce/timing.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::reproduce {

/// The Hessian of a grid point, from its hessian.json.
struct SpectrumResult {
  std::vector<Coordinate> point;
  bool known = false;
  double records = 0;
  double largest = 0;
  double smallest = 0, smallest_error = 0;
};

struct ExperimentResult {
  Experiment experiment;
  int64_t seeds = 1;                    ///< that are asked for
  std::vector<CellResult> cells;        ///< one per cell of the experiment; none of `spectrum`
  std::vector<SpectrumResult> spectra;  ///< of `spectrum`
  std::optional<Timing> timing;

  /// The cell that the others are compared with: the first whose method is backprop, else the first; nullptr without
  /// cells.
  const CellResult* baseline() const;

  /// Seconds after each of the cell's epochs: its steps times the measured seconds per step, or its gradient
  /// evaluations times the measured seconds per evaluation where they are known, because steps of one method may take
  /// many or few of them. Empty where nothing is measured.
  std::vector<double> seconds(const CellResult& cell) const;
};

/// Reads the runs of `out` and what lies beside them. Throws train::RecordError.
ExperimentResult read_result(
    const Experiment& experiment, int64_t seeds, const RunStore& store, const std::filesystem::path& out);

/// `tuning`: for each method, in their order, the complete cell with the highest mean of the best validation accuracy;
/// nullptr where none is complete.
std::vector<const CellResult*> chosen_cells(const ExperimentResult& result);

}  // namespace proxprop::reproduce
