#include "train/records/table.h"

#include "train/records/comparison.h"
#include "train/records/number_text.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>

namespace proxprop::train {
namespace {

// A row of cells; the first names the row. An empty row is a rule.
using Row = std::vector<std::string>;

// Labels come from files: nothing in them may steer the terminal.
std::string printable(const std::string& label) {
  std::string text = label;
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e)
      c = '?';
  }
  return text;
}

std::set<int64_t> shown_epochs(const std::vector<RunRecord>& runs, int limit) {
  std::set<int64_t> all;
  for (const RunRecord& run : runs) {
    for (const EpochEvent& epoch : run.metrics.epochs)
      all.insert(epoch.epoch);
  }
  const std::vector<int64_t> epochs(all.begin(), all.end());
  if (epochs.size() <= static_cast<size_t>(limit) || limit < 2)
    return all;
  std::set<int64_t> shown;
  for (int i = 0; i < limit; ++i) {
    shown.insert(epochs[(epochs.size() - 1) * static_cast<size_t>(i) / static_cast<size_t>(limit - 1)]);
  }
  return shown;
}

double train_loss_after(const RunRecord& run, int64_t epoch) {
  for (const EpochEvent& event : run.metrics.epochs) {
    if (event.epoch == epoch)
      return event.train_loss;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

template <class Cell>
Row row_of(std::string name, const std::vector<RunSummary>& runs, Cell cell) {
  Row row{std::move(name)};
  for (const RunSummary& run : runs)
    row.push_back(cell(run));
  return row;
}

std::vector<Row> all_rows(const std::vector<RunRecord>& runs, const TableOptions& options) {
  const std::vector<RunSummary> summaries = summarize(runs);
  const RunSummary& baseline = summaries[baseline_index(runs)];
  const auto row = [&](std::string name, auto cell) { return row_of(std::move(name), summaries, cell); };
  const auto times = [](double factor) { return fixed_text(factor, 2) + (factor == factor ? "x" : ""); };

  std::vector<Row> rows{row("", [](const auto& run) { return printable(run.label); }), {}};
  for (const int64_t epoch : shown_epochs(runs, options.loss_rows)) {
    Row losses{"train loss, epoch " + std::to_string(epoch)};
    for (const RunRecord& run : runs)
      losses.push_back(significant_text(train_loss_after(run, epoch), 5));
    rows.push_back(std::move(losses));
  }
  rows.push_back({});
  rows.push_back(
      row("best validation accuracy", [](const auto& run) { return percent_text(run.best_validation_accuracy); }));
  rows.push_back(row("  after epoch", [](const auto& run) { return std::to_string(run.best_epoch); }));
  rows.push_back(row("  test accuracy there", [](const auto& run) { return percent_text(run.test_accuracy); }));
  rows.push_back({});
  rows.push_back(row("gradient evaluations", [](const auto& run) { return significant_text(run.evaluations, 4); }));
  rows.push_back(row("seconds per epoch", [](const auto& run) { return significant_text(run.seconds_per_epoch, 4); }));
  rows.push_back(
      row("  ratio to " + printable(baseline.label), [&](const auto& run) { return times(run.seconds_ratio); }));
  rows.push_back(row("seconds to loss " + significant_text(baseline.final_train_loss, 5), [](const auto& run) {
    return significant_text(run.seconds_to_baseline_loss, 4);
  }));
  rows.push_back(row("  speed-up to the same loss", [&](const auto& run) { return times(run.speed_up); }));
  rows.push_back(row("status", [](const auto& run) { return printable(run.status); }));
  return rows;
}

size_t column_width(const std::vector<Row>& rows, size_t column) {
  size_t width = 0;
  for (const Row& row : rows) {
    if (!row.empty())
      width = std::max(width, row[column].size());
  }
  return width;
}

// The columns [begin, end) beside the names.
std::string block(const std::vector<Row>& rows, const std::vector<size_t>& widths, size_t begin, size_t end) {
  std::string text;
  size_t total = widths[0];
  for (size_t column = begin; column < end; ++column)
    total += 2 + widths[column];
  for (const Row& row : rows) {
    if (row.empty()) {
      text += std::string(total, '-') + "\n";
      continue;
    }
    text += row[0] + std::string(widths[0] - row[0].size(), ' ');
    for (size_t column = begin; column < end; ++column) {
      text += std::string(2 + widths[column] - row[column].size(), ' ') + row[column];
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string comparison_table(const std::vector<RunRecord>& runs, const TableOptions& options) {
  const std::vector<Row> rows = all_rows(runs, options);
  std::vector<size_t> widths;
  for (size_t column = 0; column <= runs.size(); ++column)
    widths.push_back(column_width(rows, column));
  std::string text;
  for (size_t begin = 1; begin < widths.size();) {
    size_t end = begin;
    size_t total = widths[0];
    const auto fits = [&] { return total + 2 + widths[end] <= static_cast<size_t>(std::max(options.width, 1)); };
    while (end < widths.size() && (end == begin || fits()))
      total += 2 + widths[end++];
    if (!text.empty())
      text += '\n';
    text += block(rows, widths, begin, end);
    begin = end;
  }
  return text;
}

}  // namespace proxprop::train
