#include "train/records/event_json.h"

#include "train/records/config_json.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace proxprop::train {
namespace {

// The members of each event, once for both directions. `Record` is const when written, mutable when read.
template <class Record, class Type>
concept Is = std::is_same_v<std::remove_const_t<Record>, Type>;

template <Is<LayerPlan> Record, class Visit>
void visit_members(Record& plan, Visit&& visit) {
  visit("layer", plan.layer);
  visit("kind", plan.kind);
  visit("solver", plan.solver);
  visit("route", plan.route);
  visit("rows", plan.rows);
  visit("columns", plan.columns);
  visit("outputs", plan.outputs);
  visit("reason", plan.reason);
}

template <Is<RunStart> Record, class Visit>
void visit_members(Record& start, Visit&& visit) {
  visit("label", start.label);
  visit("config", start.config);
  visit("parameters", start.parameters);
  visit("train_records", start.train_records);
  visit("validation_records", start.validation_records);
  visit("test_records", start.test_records);
  visit("batches_per_epoch", start.batches_per_epoch);
  visit("plan", start.plan);
  visit("rates", start.rates);
}

template <Is<StepEvent> Record, class Visit>
void visit_members(Record& step, Visit&& visit) {
  visit("step", step.step);
  visit("epoch", step.epoch);
  visit("loss", step.loss);
  visit("seconds", step.seconds);
  visit("lr", step.lr);
  visit("evaluations", step.evaluations);
}

template <Is<EnergyEvent> Record, class Visit>
void visit_members(Record& energy, Visit&& visit) {
  visit("step", energy.step);
  visit("epoch", energy.epoch);
  visit("block", energy.block);
  visit("layer", energy.layer);
  visit("before", energy.before);
  visit("after", energy.after);
}

template <Is<ResidualEvent> Record, class Visit>
void visit_members(Record& residual, Visit&& visit) {
  visit("step", residual.step);
  visit("epoch", residual.epoch);
  visit("layer", residual.layer);
  visit("route", residual.route);
  visit("status", residual.status);
  visit("residual", residual.residual);
}

template <Is<EpochEvent> Record, class Visit>
void visit_members(Record& epoch, Visit&& visit) {
  visit("epoch", epoch.epoch);
  visit("step", epoch.step);
  visit("seconds", epoch.seconds);
  visit("train_loss", epoch.train_loss);
  visit("train_accuracy", epoch.train_accuracy);
  visit("validation_loss", epoch.validation_loss);
  visit("validation_accuracy", epoch.validation_accuracy);
  visit("test_loss", epoch.test_loss);
  visit("test_accuracy", epoch.test_accuracy);
  visit("lr", epoch.lr);
  visit("evaluations", epoch.evaluations);
}

template <Is<RunEnd> Record, class Visit>
void visit_members(Record& end, Visit&& visit) {
  visit("status", end.status);
  visit("epochs", end.epochs);
  visit("steps", end.steps);
  visit("seconds", end.seconds);
  visit("best_validation_accuracy", end.best_validation_accuracy);
  visit("best_epoch", end.best_epoch);
  visit("test_accuracy_at_best", end.test_accuracy_at_best);
  constexpr bool reads = !std::is_const_v<Record>;
  if (reads || end.ranks > 1) {
    visit("ranks", end.ranks);
    visit("bytes_per_step", end.bytes_per_step);
    visit("gradient_bytes_per_step", end.gradient_bytes_per_step);
  }
  if (reads || end.peak_resident_bytes > 0)
    visit("peak_resident_bytes", end.peak_resident_bytes);
}

const char* event_name(const RunStart&) {
  return "start";
}
const char* event_name(const StepEvent&) {
  return "step";
}
const char* event_name(const EnergyEvent&) {
  return "energy";
}
const char* event_name(const ResidualEvent&) {
  return "residual";
}
const char* event_name(const EpochEvent&) {
  return "epoch";
}
const char* event_name(const RunEnd&) {
  return "end";
}

template <class Record>
Json to_json(const Record& record);

Json value_to_json(const std::string& value) {
  return value;
}
Json value_to_json(int64_t value) {
  return value;
}
Json value_to_json(double value) {
  return value;
}
Json value_to_json(const Config& value) {
  return config_to_json(value);
}
Json value_to_json(const std::vector<LayerPlan>& plans) {
  Json list = Json::array();
  for (const LayerPlan& plan : plans)
    list.push_back(to_json(plan));
  return list;
}

Json value_to_json(const std::map<std::string, double>& values) {
  return values;
}

template <class Record>
Json to_json(const Record& record) {
  Json json = Json::object();
  visit_members(record, [&](const char* name, const auto& value) { json[name] = value_to_json(value); });
  return json;
}

template <class Record>
Record from_json(const Json& json);

void read(const Json& json, const char*, std::string& value) {
  value = json.get<std::string>();
}
void read(const Json& json, const char* key, int64_t& value) {
  value = integer_from_json(json, key);
}
void read(const Json& json, const char*, double& value) {
  value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}
void read(const Json& json, const char*, std::map<std::string, double>& values) {
  values = json.get<std::map<std::string, double>>();
}
void read(const Json& json, const char*, Config& value) {
  value = config_from_json(json);
}
void read(const Json& json, const char* key, std::vector<LayerPlan>& plans) {
  if (!json.is_array())
    throw RecordReadError(std::string(key) + " must be a list");
  for (const Json& plan : json)
    plans.push_back(from_json<LayerPlan>(plan));
}

template <class Record>
Record from_json(const Json& json) {
  Record record;
  visit_members(record, [&](const char* name, auto& value) {
    if (const auto found = json.find(name); found != json.end())
      read(*found, name, value);
  });
  return record;
}

}  // namespace

Json event_to_json(const Event& event) {
  return std::visit(
      [](const auto& record) {
        Json json = Json::object();
        json["event"] = event_name(record);
        json.update(to_json(record));
        return json;
      },
      event);
}

std::optional<Event> event_from_json(const Json& json) {
  try {
    const std::string name = json.at("event").get<std::string>();
    if (name == "start")
      return from_json<RunStart>(json);
    if (name == "step")
      return from_json<StepEvent>(json);
    if (name == "energy")
      return from_json<EnergyEvent>(json);
    if (name == "residual")
      return from_json<ResidualEvent>(json);
    if (name == "epoch")
      return from_json<EpochEvent>(json);
    if (name == "end")
      return from_json<RunEnd>(json);
    return std::nullopt;
  } catch (const Json::exception&) {
    throw RecordReadError("not an event of a run");
  }
}

}  // namespace proxprop::train
