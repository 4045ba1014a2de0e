// Table 1.

#include "reproduce/section.h"
#include "reproduce/section_text.h"
#include "train/records/number_text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace proxprop::reproduce {
namespace {

using train::significant_text;

std::vector<const CellResult*> cells_of(const ExperimentResult& result, const std::string& method) {
  std::vector<const CellResult*> cells;
  for (const CellResult& cell : result.cells) {
    if (cell.cell.method == method)
      cells.push_back(&cell);
  }
  return cells;
}

/// The last values, in the order of the grid; nullptr where the paper has none of the method.
const std::vector<double>* paper_losses(const ExperimentResult& result, const std::string& method) {
  for (const PaperValues& paper : result.experiment.paper) {
    if (std::find(paper.methods.begin(), paper.methods.end(), method) != paper.methods.end())
      return &paper.train_loss;
  }
  return nullptr;
}

}  // namespace

void add_table(Section& section, const ExperimentResult& result) {
  TextTable table;
  const std::vector<Coordinate>& axis = result.experiment.cells.front().point;
  table.caption = "Training loss at the end, for each value of " + (axis.empty() ? "nothing" : axis.front().key);
  table.header = {"method"};
  for (const CellResult* cell : cells_of(result, result.experiment.methods.front()))
    table.header.push_back(point_text(cell->cell.point));
  std::string diverged;
  for (const std::string& method : result.experiment.methods) {
    std::vector<std::string> row{method};
    Sweep sweep{method, {}, {}, {}};
    for (const CellResult* cell : cells_of(result, method)) {
      const std::string absent = absence_text(*cell);
      row.push_back(absent.empty() ? loss_text(cell->final_train_loss) : absent);
      sweep.x.push_back(std::strtod(point_text(cell->cell.point).c_str(), nullptr));
      sweep.ours.push_back(absent.empty() ? cell->final_train_loss.mean : PaperValues::unknown);
      if (cell->diverged > 0)
        diverged.append(diverged.empty() ? "" : "; ")
            .append(method + " at " + point_text(cell->cell.point) + ": step " + std::to_string(cell->diverged_at));
    }
    table.rows.push_back(std::move(row));
    if (const std::vector<double>* paper = paper_losses(result, method)) {
      row = {"paper: " + method};
      for (const double loss : *paper)
        row.push_back(significant_text(loss, 3));
      sweep.paper = *paper;
      table.rows.push_back(std::move(row));
    }
    section.sweeps.push_back(std::move(sweep));
  }
  section.tables.push_back(std::move(table));
  section.notes.emplace_back(
      "\"-\": the loss became NaN or infinite" + (diverged.empty() ? "." : " (" + diverged + ")."));
}

}  // namespace proxprop::reproduce
