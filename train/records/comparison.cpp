#include "train/records/comparison.h"

#include "train/records/config_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace proxprop::train {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

double median(std::vector<double> values) {
  if (values.empty())
    return unknown;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

RunSummary summary_of(const RunRecord& run, double baseline_loss) {
  const Metrics& metrics = run.metrics;
  RunSummary summary;
  summary.label = run.label;
  summary.status = metrics.end ? metrics.end->status : "unfinished";
  const bool begun = !metrics.epochs.empty();
  summary.epochs = begun ? metrics.epochs.back().epoch : 0;
  summary.seconds = begun ? metrics.epochs.back().seconds : unknown;
  // Records from before they were counted say none.
  const double evaluations = begun ? metrics.epochs.back().evaluations : 0;
  summary.evaluations = evaluations > 0 || summary.epochs == 0 ? evaluations : unknown;
  summary.final_train_loss = begun ? metrics.epochs.back().train_loss : unknown;
  const EpochEvent* best = best_epoch(metrics.epochs);
  summary.best_validation_accuracy = best ? best->validation_accuracy : unknown;
  summary.best_epoch = best ? best->epoch : 0;
  summary.test_accuracy = best ? best->test_accuracy : unknown;
  summary.seconds_per_epoch = median_seconds_per_epoch(metrics.epochs);
  summary.seconds_to_baseline_loss = seconds_to_loss(metrics.epochs, baseline_loss);
  return summary;
}

std::string plain_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

}  // namespace

size_t baseline_index(const std::vector<RunRecord>& runs) {
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].metrics.start->config.method.name == "backprop")
      return i;
  }
  return 0;
}

std::vector<RunSummary> summarize(const std::vector<RunRecord>& runs) {
  const size_t baseline = baseline_index(runs);
  const auto& epochs = runs.at(baseline).metrics.epochs;
  const double loss = epochs.empty() ? unknown : epochs.back().train_loss;
  std::vector<RunSummary> summaries;
  for (const RunRecord& run : runs)
    summaries.push_back(summary_of(run, loss));
  const RunSummary reference = summaries[baseline];
  for (RunSummary& summary : summaries) {
    summary.seconds_ratio = summary.seconds_per_epoch / reference.seconds_per_epoch;
    summary.speed_up = reference.seconds_to_baseline_loss / summary.seconds_to_baseline_loss;
  }
  return summaries;
}

const EpochEvent* best_epoch(const std::vector<EpochEvent>& epochs) {
  const EpochEvent* best = nullptr;
  for (const EpochEvent& epoch : epochs) {
    if (std::isnan(epoch.validation_accuracy))
      continue;
    if (!best || epoch.validation_accuracy > best->validation_accuracy)
      best = &epoch;
  }
  return best || epochs.empty() ? best : &epochs.back();
}

double median_seconds_per_epoch(const std::vector<EpochEvent>& epochs) {
  std::vector<double> durations;
  for (size_t i = 1; i < epochs.size(); ++i) {
    const int64_t count = epochs[i].epoch - epochs[i - 1].epoch;
    if (count > 0)
      durations.push_back((epochs[i].seconds - epochs[i - 1].seconds) / static_cast<double>(count));
  }
  return median(std::move(durations));
}

double seconds_to_loss(const std::vector<EpochEvent>& epochs, double loss) {
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (!(epochs[i].train_loss <= loss))
      continue;  // NaN is not below anything
    if (i == 0 || std::isnan(epochs[i - 1].train_loss))
      return epochs[i].seconds;
    const EpochEvent& before = epochs[i - 1];
    const double fraction = (before.train_loss - loss) / (before.train_loss - epochs[i].train_loss);
    return before.seconds + fraction * (epochs[i].seconds - before.seconds);
  }
  return unknown;
}

std::vector<ConfigRow> compare_configs(const std::vector<RunRecord>& runs) {
  std::vector<ConfigRow> rows;
  for (const RunRecord& run : runs) {
    size_t row = 0;
    const Json config = config_to_json(run.metrics.start->config);
    for (const auto& [section, members] : config.items()) {
      for (const auto& [key, value] : members.items()) {
        if (row == rows.size())
          rows.push_back({section + "." + key, {}, false});
        rows[row++].values.push_back(plain_text(value));
      }
    }
  }
  for (ConfigRow& row : rows) {
    row.differs =
        std::any_of(row.values.begin(), row.values.end(), [&](const auto& value) { return value != row.values[0]; });
  }
  return rows;
}

}  // namespace proxprop::train
