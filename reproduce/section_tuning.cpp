// The tuning study.

#include "reproduce/section.h"
#include "reproduce/section_text.h"
#include "train/records/number_text.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

namespace proxprop::reproduce {
namespace {

using train::fixed_text;
using train::significant_text;

int64_t count(const ExperimentResult& result, const std::string& method, bool diverged_only) {
  return std::count_if(result.cells.begin(), result.cells.end(), [&](const CellResult& cell) {
    return cell.cell.method == method && cell.complete && (!diverged_only || cell.diverged > 0);
  });
}

/// "4.0 (10.0)": at the best epoch and at the end.
std::string amounts_text(const CellResult& cell, const std::vector<double>& curve) {
  return significant_text(cell.at_best(curve), 3) + " (" + significant_text(curve.back(), 3) + ")";
}

std::string settings_text(const std::vector<Coordinate>& point) {
  std::string text;
  for (const Coordinate& coordinate : point) {
    const std::string key = coordinate.key.substr(coordinate.key.find('.') + 1);
    text.append(text.empty() ? "" : ", ").append(key == "lr" ? "tau" : key).append(" = ").append(coordinate.value);
  }
  return text;
}

/// What not all records say.
struct Column {
  std::string header;
  std::function<std::string(const CellResult&)> text;
};

bool all_count_evaluations(const std::vector<const CellResult*>& shown) {
  return std::none_of(shown.begin(), shown.end(), [](const CellResult* cell) { return cell->evaluations.empty(); });
}

/// Those that can be filled for all chosen runs.
std::vector<Column> known_columns(const ExperimentResult& result, const std::vector<const CellResult*>& shown) {
  std::vector<Column> columns;
  if (all_count_evaluations(shown)) {
    columns.push_back({"gradient evaluations until then (in all)", [](const CellResult& cell) {
                         return amounts_text(cell, cell.evaluations);
                       }});
    columns.push_back({"seconds until then (in all)", [&](const CellResult& cell) {
                         const std::vector<double> seconds = result.seconds(cell);
                         return seconds.empty() ? "" : amounts_text(cell, seconds);
                       }});
  }
  const auto remembers = [](const CellResult* cell) { return std::isfinite(cell->peak_resident_bytes.mean); };
  if (std::all_of(shown.begin(), shown.end(), remembers)) {
    columns.push_back(
        {"peak memory, MB", [](const CellResult& cell) { return fixed_text(cell.peak_resident_bytes.mean / 1e6, 0); }});
  }
  return columns;
}

}  // namespace

void add_tuning(Section& section, const ExperimentResult& result) {
  const std::vector<const CellResult*> chosen = chosen_cells(result);
  std::vector<const CellResult*> shown;
  std::copy_if(
      chosen.begin(), chosen.end(), std::back_inserter(shown), [](const auto* cell) { return cell != nullptr; });
  const std::vector<Column> columns = shown.empty() ? std::vector<Column>{} : known_columns(result, shown);
  TextTable table;
  table.caption = "The best of each method, by validation accuracy";
  table.header = {
      "method",
      "runs",
      "diverged",
      "chosen",
      "best validation accuracy",
      "after epoch",
      "test accuracy there",
      "training loss",
      "step / the first's (quartiles)"};
  for (const Column& column : columns)
    table.header.push_back(column.header);
  for (size_t i = 0; i < chosen.size(); ++i) {
    const std::string& method = result.experiment.methods[i];
    std::vector<std::string> row{
        method, std::to_string(count(result, method, false)), std::to_string(count(result, method, true))};
    if (const CellResult* cell = chosen[i]) {
      section.curves.push_back(curve_of(result, *cell, method));
      const StepTime* step = result.timing ? result.timing->find(method) : nullptr;
      row.insert(
          row.end(), {settings_text(cell->cell.point), accuracy_text(cell->best_validation_accuracy),
                      epoch_text(cell->best_epoch), accuracy_text(cell->test_accuracy_at_best),
                      loss_text(cell->final_train_loss), step == nullptr ? "" : ratio_text(*step)});
      for (const Column& column : columns)
        row.push_back(column.text(*cell));
    }
    row.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  section.tables.push_back(std::move(table));
  section.notes.emplace_back(
      "Every method has the same number of runs. The choice looks at the validation records only; the test accuracy is "
      "that of the chosen run after its best epoch.");
  if (!columns.empty()) {
    section.notes.emplace_back(
        "Gradient evaluations are passes over the training set: forward and backward count 1, a forward pass alone "
        "1/3, "
        "a Gauss-Newton product 4/3; Gram matrices, factors and closed forms do not count. Peak memory is that of the "
        "run's process, libraries and data included.");
  }
  if (result.timing)
    section.tables.push_back(time_to_accuracy(result, shown));
  if (!shown.empty() && all_count_evaluations(shown))
    section.tables.push_back(evaluations_to_accuracy(shown));
}

}  // namespace proxprop::reproduce
