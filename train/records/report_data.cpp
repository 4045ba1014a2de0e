#include "train/records/report_data.h"

#include "train/records/comparison.h"
#include "train/records/config_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

namespace proxprop::train {
namespace {

constexpr size_t most_batch_points = 1000;

Json number(double value) {
  if (!std::isfinite(value))
    return nullptr;
  std::array<char, 32> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, 7).ptr;
  double rounded = 0;
  std::from_chars(buffer.data(), end, rounded);
  return rounded;
}

template <class Event, class Member>
Json column(const std::vector<Event>& events, Member member) {
  Json values = Json::array();
  for (const Event& event : events)
    values.push_back(number(static_cast<double>(event.*member)));
  return values;
}

Json epoch_columns(const std::vector<EpochEvent>& epochs) {
  Json columns = Json::object();
  columns["epoch"] = column(epochs, &EpochEvent::epoch);
  columns["seconds"] = column(epochs, &EpochEvent::seconds);
  columns["evaluations"] = column(epochs, &EpochEvent::evaluations);
  columns["train_loss"] = column(epochs, &EpochEvent::train_loss);
  columns["train_accuracy"] = column(epochs, &EpochEvent::train_accuracy);
  columns["validation_loss"] = column(epochs, &EpochEvent::validation_loss);
  columns["validation_accuracy"] = column(epochs, &EpochEvent::validation_accuracy);
  columns["test_loss"] = column(epochs, &EpochEvent::test_loss);
  columns["test_accuracy"] = column(epochs, &EpochEvent::test_accuracy);
  return columns;
}

// Means over equally many consecutive batches; a mean with a NaN in it is NaN, so that divergence shows as a gap.
std::vector<StepEvent> averaged(const std::vector<StepEvent>& steps, size_t per_point) {
  std::vector<StepEvent> points;
  for (size_t begin = 0; begin < steps.size(); begin += per_point) {
    const size_t count = std::min(per_point, steps.size() - begin);
    StepEvent mean;
    for (size_t i = begin; i < begin + count; ++i) {
      mean.epoch += steps[i].epoch / static_cast<double>(count);
      mean.seconds += steps[i].seconds / static_cast<double>(count);
      mean.evaluations += steps[i].evaluations / static_cast<double>(count);
      mean.loss += steps[i].loss / static_cast<double>(count);
    }
    points.push_back(mean);
  }
  return points;
}

Json batch_columns(const std::vector<StepEvent>& steps) {
  const size_t per_point = (steps.size() + most_batch_points - 1) / most_batch_points;
  const std::vector<StepEvent> points = averaged(steps, per_point == 0 ? 1 : per_point);
  Json columns = Json::object();
  columns["per_point"] = per_point;
  columns["epoch"] = column(points, &StepEvent::epoch);
  columns["seconds"] = column(points, &StepEvent::seconds);
  columns["evaluations"] = column(points, &StepEvent::evaluations);
  columns["loss"] = column(points, &StepEvent::loss);
  return columns;
}

// One list of columns per block and layer, in the order of the algorithm.
Json energy_columns(const std::vector<EnergyEvent>& energies) {
  std::vector<std::pair<std::string, std::vector<EnergyEvent>>> blocks;
  for (const EnergyEvent& event : energies) {
    const std::string name = event.block + " " + std::to_string(event.layer);
    const auto same = [&](const auto& block) { return block.first == name; };
    auto found = std::find_if(blocks.begin(), blocks.end(), same);
    if (found == blocks.end())
      found = blocks.insert(blocks.end(), {name, {}});
    found->second.push_back(event);
  }
  Json list = Json::array();
  for (const auto& [name, events] : blocks) {
    Json columns = Json::object();
    columns["block"] = name;
    columns["epoch"] = column(events, &EnergyEvent::epoch);
    columns["before"] = column(events, &EnergyEvent::before);
    columns["change"] = Json::array();
    for (const EnergyEvent& event : events)
      columns["change"].push_back(number(event.after - event.before));
    list.push_back(columns);
  }
  return list;
}

Json summary_json(const RunSummary& summary) {
  Json json = Json::object();
  json["epochs"] = summary.epochs;
  json["seconds"] = number(summary.seconds);
  json["evaluations"] = number(summary.evaluations);
  json["final_train_loss"] = number(summary.final_train_loss);
  json["best_validation_accuracy"] = number(summary.best_validation_accuracy);
  json["best_epoch"] = summary.best_epoch;
  json["test_accuracy"] = number(summary.test_accuracy);
  json["seconds_per_epoch"] = number(summary.seconds_per_epoch);
  json["seconds_ratio"] = number(summary.seconds_ratio);
  json["seconds_to_baseline_loss"] = number(summary.seconds_to_baseline_loss);
  json["speed_up"] = number(summary.speed_up);
  return json;
}

Json plan_json(const std::vector<LayerPlan>& plan) {
  Json rows = Json::array();
  for (const LayerPlan& layer : plan) {
    Json row = Json::object();
    row["layer"] = layer.layer;
    row["kind"] = layer.kind;
    row["solver"] = layer.solver;
    row["route"] = layer.route;
    row["rows"] = layer.rows;
    row["columns"] = layer.columns;
    row["outputs"] = layer.outputs;
    row["reason"] = layer.reason;
    rows.push_back(row);
  }
  return rows;
}

Json run_json(const RunRecord& run, const RunSummary& summary) {
  const RunStart& start = *run.metrics.start;
  Json json = Json::object();
  json["label"] = run.label;
  json["config"] = config_to_json(start.config);
  json["status"] = summary.status;
  json["parameters"] = start.parameters;
  json["train_records"] = start.train_records;
  json["validation_records"] = start.validation_records;
  json["test_records"] = start.test_records;
  json["summary"] = summary_json(summary);
  json["epochs"] = epoch_columns(run.metrics.epochs);
  json["batches"] = batch_columns(run.metrics.steps);
  json["energies"] = energy_columns(run.metrics.energies);
  json["plan"] = plan_json(start.plan);
  json["info"] = run.info ? run_info_to_json(*run.info) : Json(nullptr);
  return json;
}

Json config_rows(const std::vector<RunRecord>& runs) {
  Json rows = Json::array();
  for (const ConfigRow& row : compare_configs(runs)) {
    Json json = Json::object();
    json["key"] = row.key;
    json["values"] = row.values;
    json["differs"] = row.differs;
    rows.push_back(json);
  }
  return rows;
}

}  // namespace

Json report_data(const std::vector<RunRecord>& runs) {
  const std::vector<RunSummary> summaries = summarize(runs);
  Json data = Json::object();
  data["baseline"] = baseline_index(runs);
  data["runs"] = Json::array();
  for (size_t i = 0; i < runs.size(); ++i)
    data["runs"].push_back(run_json(runs[i], summaries[i]));
  data["config"] = config_rows(runs);
  return data;
}

}  // namespace proxprop::train
