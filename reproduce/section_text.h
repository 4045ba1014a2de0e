#pragma once
// Words for numbers over seeds.

#include "reproduce/experiment_result.h"
#include "reproduce/section.h"

#include <string>

namespace proxprop::reproduce {

/// "0.1234", or over several seeds "0.1234 (0.12 .. 0.13)".
std::string loss_text(const Spread& spread);
/// "72.34 %", or over several seeds "72.34 % (72.0 .. 72.6)".
std::string accuracy_text(const Spread& spread);
/// "12", or over several seeds their mean "12.5".
std::string epoch_text(const Spread& spread);
/// "1.10 (1.08 .. 1.13)": a step's time over the baseline's, with the quartiles.
std::string ratio_text(const StepTime& step);
/// What stands where a cell has no number: "-" diverged, "..." not finished, empty otherwise.
std::string absence_text(const CellResult& cell);

/// The curve of a cell, labelled.
Curve curve_of(const ExperimentResult& result, const CellResult& cell, const std::string& label);

/// Seconds, or gradient evaluations, until each method of `cells` first reaches validation accuracies, by straight lines
/// between epochs. Methods of which they are not known are left out.
TextTable time_to_accuracy(const ExperimentResult& result, const std::vector<const CellResult*>& cells);
TextTable evaluations_to_accuracy(const std::vector<const CellResult*>& cells);

/// How the seconds came about.
std::string timing_note(const Timing& timing);

}  // namespace proxprop::reproduce
