// Fig. 2 and Fig. 3.

#include "reproduce/section.h"
#include "reproduce/section_text.h"
#include "train/records/number_text.h"

#include <algorithm>
#include <cmath>

namespace proxprop::reproduce {
namespace {

using train::fixed_text;
using train::percent_text;
using train::significant_text;

TextTable results_table(const ExperimentResult& result) {
  TextTable table;
  table.caption = "Results";
  table.header = {
      "method", "tau", "tau_theta", "training loss", "best validation accuracy", "after epoch", "test accuracy there"};
  for (const CellResult& cell : result.cells) {
    const train::Config& config = cell.cell.config;
    const std::string absent = absence_text(cell);
    const bool proximal = config.method.name != "backprop";
    std::vector<std::string> row{
        cell.cell.method, significant_text(config.optimizer.lr, 1),
        proximal ? significant_text(config.method.tau_theta, 1) : ""};
    if (cell.epoch.empty()) {
      row.resize(table.header.size());
      row[3] = absent;
    } else {
      const std::string so_far = cell.complete ? "" : " after epoch " + std::to_string(cell.epoch.back());
      row.insert(
          row.end(), {loss_text(cell.final_train_loss) + so_far, accuracy_text(cell.best_validation_accuracy),
                      epoch_text(cell.best_epoch), accuracy_text(cell.test_accuracy_at_best)});
    }
    table.rows.push_back(std::move(row));
  }
  for (const PaperValues& paper : result.experiment.paper) {
    const auto text = [](double accuracy) { return std::isnan(accuracy) ? "" : percent_text(accuracy, 1); };
    table.rows.push_back(
        {"paper: " + paper.who, "", "", "", text(paper.best_validation_accuracy), "", text(paper.test_accuracy)});
  }
  return table;
}

/// Losses at one time: the end of the shorter of the two runs.
std::string at_equal_time(const ExperimentResult& result, const CellResult& cell, const CellResult& baseline) {
  const std::vector<double> mine = result.seconds(cell), theirs = result.seconds(baseline);
  const double time = std::min(mine.back(), theirs.back());
  return significant_text(value_at(mine, cell.train_loss.mean, time), 4) + " / " +
         significant_text(value_at(theirs, baseline.train_loss.mean, time), 4) + " at " + significant_text(time, 3) +
         " s";
}

TextTable time_table(const ExperimentResult& result) {
  TextTable table;
  const CellResult& baseline = *result.baseline();
  const std::string name = baseline.cell.method;
  table.caption = "At equal time";
  table.header = {
      "method",
      "ms per step",
      "step / " + name + "'s (quartiles)",
      "training loss / " + name + "'s at the same time",
      "seconds to " + name + "'s last loss",
      "speed-up"};
  const double level = baseline.final_train_loss.mean;
  const double reference = crossing(result.seconds(baseline), baseline.train_loss.mean, level);
  for (const CellResult& cell : result.cells) {
    const StepTime* step = result.timing->find(cell.cell.method);
    if (step == nullptr || cell.epoch.empty())
      continue;
    const double reached = crossing(result.seconds(cell), cell.train_loss.mean, level);
    table.rows.push_back(
        {cell.cell.method, fixed_text(1e3 * step->seconds, 1), ratio_text(*step), at_equal_time(result, cell, baseline),
         significant_text(reached, 3), fixed_text(reference / reached, 2) + (std::isnan(reached) ? "" : " x")});
  }
  return table;
}

}  // namespace

void add_curves(Section& section, const ExperimentResult& result) {
  section.tables.push_back(results_table(result));
  std::vector<const CellResult*> shown;
  for (const CellResult& cell : result.cells) {
    if (cell.epoch.empty())
      continue;
    shown.push_back(&cell);
    section.curves.push_back(curve_of(result, cell, cell.cell.method));
  }
  const CellResult* baseline = result.baseline();
  const bool timed = baseline != nullptr && !baseline->epoch.empty() && !result.seconds(*baseline).empty();
  if (!timed)
    return;
  section.tables.push_back(time_table(result));
  section.tables.push_back(time_to_accuracy(result, shown));
}

}  // namespace proxprop::reproduce
