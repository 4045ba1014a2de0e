// The tuning study.

#include "reproduce/section.h"
#include "reproduce/section_text.h"

#include <algorithm>

namespace proxprop::reproduce {
namespace {

int64_t count(const ExperimentResult& result, const std::string& method, bool diverged_only) {
  return std::count_if(result.cells.begin(), result.cells.end(), [&](const CellResult& cell) {
    return cell.cell.method == method && cell.complete && (!diverged_only || cell.diverged > 0);
  });
}

std::string settings_text(const std::vector<Coordinate>& point) {
  std::string text;
  for (const Coordinate& coordinate : point) {
    const std::string key = coordinate.key.substr(coordinate.key.find('.') + 1);
    text.append(text.empty() ? "" : ", ").append(key == "lr" ? "tau" : key).append(" = ").append(coordinate.value);
  }
  return text;
}

}  // namespace

void add_tuning(Section& section, const ExperimentResult& result) {
  const std::vector<const CellResult*> chosen = chosen_cells(result);
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
  std::vector<const CellResult*> shown;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const std::string& method = result.experiment.methods[i];
    std::vector<std::string> row{
        method, std::to_string(count(result, method, false)), std::to_string(count(result, method, true))};
    if (const CellResult* cell = chosen[i]) {
      shown.push_back(cell);
      section.curves.push_back(curve_of(result, *cell, method));
      const StepTime* step = result.timing ? result.timing->find(method) : nullptr;
      row.insert(
          row.end(), {settings_text(cell->cell.point), accuracy_text(cell->best_validation_accuracy),
                      epoch_text(cell->best_epoch), accuracy_text(cell->test_accuracy_at_best),
                      loss_text(cell->final_train_loss), step == nullptr ? "" : ratio_text(*step)});
    }
    row.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  section.tables.push_back(std::move(table));
  section.notes.emplace_back(
      "Every method has the same number of runs. The choice looks at the validation records only; the test accuracy is "
      "that of the chosen run after its best epoch.");
  if (result.timing)
    section.tables.push_back(time_to_accuracy(result, shown));
}

}  // namespace proxprop::reproduce
