#include "reproduce/results_json.h"

#include <nlohmann/json.hpp>

namespace proxprop::reproduce {
namespace {

using train::Json;

Json band_json(const Band& band) {
  return {{"mean", band.mean}, {"low", band.low}, {"high", band.high}};
}

Json table_json(const TextTable& table) {
  return {{"caption", table.caption}, {"header", table.header}, {"rows", table.rows}};
}

Json curve_json(const Curve& curve) {
  return {
      {"label", curve.label},
      {"epoch", curve.epoch},
      {"evaluations", curve.evaluations},
      {"seconds", curve.seconds},
      {"train_loss", band_json(curve.train_loss)},
      {"validation_accuracy", band_json(curve.validation_accuracy)},
      {"test_accuracy", band_json(curve.test_accuracy)}};
}

Json sweep_json(const Sweep& sweep) {
  return {{"label", sweep.label}, {"x", sweep.x}, {"ours", sweep.ours}, {"paper", sweep.paper}};
}

template <class T, class ToJson>
Json list(const std::vector<T>& values, ToJson to_json) {
  Json array = Json::array();
  for (const T& value : values)
    array.push_back(to_json(value));
  return array;
}

}  // namespace

Json results_json(const std::vector<Section>& sections) {
  return {{"schema_version", 1}, {"sections", list(sections, [](const Section& section) -> Json {
                                    return {
                                        {"name", section.name},
                                        {"title", section.title},
                                        {"setting", section.setting},
                                        {"notes", section.notes},
                                        {"tables", list(section.tables, table_json)},
                                        {"curves", list(section.curves, curve_json)},
                                        {"sweeps", list(section.sweeps, sweep_json)},
                                        {"remarks", section.remarks}};
                                  })}};
}

}  // namespace proxprop::reproduce
