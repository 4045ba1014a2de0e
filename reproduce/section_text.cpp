#include "reproduce/section_text.h"

#include "train/records/number_text.h"

#include <algorithm>
#include <cmath>

namespace proxprop::reproduce {
namespace {

using train::fixed_text;
using train::percent_text;
using train::significant_text;

constexpr double accuracy_step = 0.05;
constexpr size_t most_accuracies = 6;

bool is_range(const Spread& spread) {
  return spread.low < spread.high;
}

/// Multiples of 5 %, the highest that any curve reaches last.
std::vector<double> shown_accuracies(const std::vector<const CellResult*>& cells) {
  double highest = 0;
  for (const CellResult* cell : cells) {
    for (const double accuracy : cell->validation_accuracy.mean)
      highest = std::max(highest, accuracy);
  }
  std::vector<double> accuracies;
  const auto top = static_cast<int>(std::floor(highest / accuracy_step + 1e-9));
  for (int i = std::max(1, top - static_cast<int>(most_accuracies) + 1); i <= top; ++i)
    accuracies.push_back(i * accuracy_step);
  return accuracies;
}

/// Of what grows along a curve, how much there was when the curve reached accuracies.
template <class Amount>
TextTable amounts_to_accuracy(const std::string& what, const std::vector<const CellResult*>& cells, Amount amount) {
  TextTable table;
  table.caption = what + " until the validation accuracy is first reached";
  table.header = {"validation accuracy"};
  std::vector<const CellResult*> known;
  for (const CellResult* cell : cells) {
    if (cell == nullptr || cell->epoch.empty() || amount(*cell).empty())
      continue;
    known.push_back(cell);
    table.header.push_back(cell->cell.method);
  }
  for (const double accuracy : shown_accuracies(known)) {
    std::vector<std::string> row{percent_text(accuracy, 0)};
    for (const CellResult* cell : known)
      row.push_back(significant_text(crossing(amount(*cell), cell->validation_accuracy.mean, accuracy, true), 3));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string loss_text(const Spread& spread) {
  const std::string mean = significant_text(spread.mean, 4);
  return is_range(spread)
             ? mean + " (" + significant_text(spread.low, 3) + " .. " + significant_text(spread.high, 3) + ")"
             : mean;
}

std::string accuracy_text(const Spread& spread) {
  const std::string mean = percent_text(spread.mean);
  return is_range(spread)
             ? mean + " (" + fixed_text(100 * spread.low, 1) + " .. " + fixed_text(100 * spread.high, 1) + ")"
             : mean;
}

std::string epoch_text(const Spread& spread) {
  return fixed_text(spread.mean, is_range(spread) ? 1 : 0);
}

std::string ratio_text(const StepTime& step) {
  return fixed_text(step.ratio, 2) + " (" + fixed_text(step.ratio_q1, 2) + " .. " + fixed_text(step.ratio_q3, 2) + ")";
}

std::string absence_text(const CellResult& cell) {
  if (cell.seeds == 0 || !cell.complete)
    return "...";
  return cell.diverged == cell.seeds ? "-" : "";
}

Curve curve_of(const ExperimentResult& result, const CellResult& cell, const std::string& label) {
  return {
      label,
      cell.epoch,
      cell.evaluations,
      result.seconds(cell),
      cell.train_loss,
      cell.validation_accuracy,
      cell.test_accuracy};
}

TextTable time_to_accuracy(const ExperimentResult& result, const std::vector<const CellResult*>& cells) {
  return amounts_to_accuracy(
      "Seconds of training", cells, [&](const CellResult& cell) { return result.seconds(cell); });
}

TextTable evaluations_to_accuracy(const std::vector<const CellResult*>& cells) {
  return amounts_to_accuracy("Gradient evaluations", cells, [](const CellResult& cell) { return cell.evaluations; });
}

std::string timing_note(const Timing& timing) {
  return "Seconds are steps times the median time of a step, measured for all methods in turn in one process (" +
         timing.machine.device + ", " + std::to_string(timing.machine.threads) +
         " threads); evaluation is not in them. The clocks of the runs themselves, which were made at different times, "
         "are not compared.";
}

}  // namespace proxprop::reproduce
