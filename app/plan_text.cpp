#include "app/plan_text.h"

#include "app/text_table.h"
#include "train/records/config_json.h"
#include "train/records/number_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace proxprop::app {

std::string plan_table(const std::vector<train::LayerPlan>& plan) {
  std::vector<std::vector<std::string>> rows = {
      {"layer", "kind", "solver", "route", "rows S", "columns d", "outputs O", "reason"}};
  for (const train::LayerPlan& layer : plan) {
    rows.push_back(
        {layer.layer, layer.kind, layer.solver, layer.route, std::to_string(layer.rows), std::to_string(layer.columns),
         std::to_string(layer.outputs), layer.reason});
  }
  return text_table(rows, {4, 5, 6});
}

train::Json plan_json(const std::vector<train::LayerPlan>& plan) {
  train::Json list = train::Json::array();
  for (const train::LayerPlan& layer : plan) {
    list.push_back(
        {{"layer", layer.layer},
         {"kind", layer.kind},
         {"solver", layer.solver},
         {"route", layer.route},
         {"rows", layer.rows},
         {"columns", layer.columns},
         {"outputs", layer.outputs},
         {"reason", layer.reason}});
  }
  return list;
}

namespace {

std::string percent(double fraction) {
  if (std::isnan(fraction))
    return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%+.1f %%", 100 * fraction);
  return text;
}

}  // namespace

std::string costs_table(const std::vector<train::RouteMeasurement>& costs) {
  std::vector<std::vector<std::string>> rows = {
      {"layer", "route", "", "extra MB", "estimated", "calibrated", "measured"}};
  for (const train::RouteMeasurement& cost : costs) {
    rows.push_back(
        {cost.layer, cost.route, cost.chosen ? "chosen" : (cost.fits ? "" : "too large"),
         std::to_string(int64_t(cost.bytes / 1e6)), percent(cost.estimated), percent(cost.calibrated),
         percent(cost.measured)});
  }
  return text_table(rows, {3, 4, 5, 6}) +
         "\nCost beyond plain backpropagation through the layer: estimated by fixed weights, and by the rates that\n"
         "`proxprop info --calibrate` measures on a machine; measured on a random batch.\n";
}

train::Json costs_json(const std::vector<train::RouteMeasurement>& costs) {
  train::Json list = train::Json::array();
  for (const train::RouteMeasurement& cost : costs) {
    list.push_back(
        {{"layer", cost.layer},
         {"route", cost.route},
         {"chosen", cost.chosen},
         {"fits", cost.fits},
         {"bytes", cost.bytes},
         {"estimated", cost.estimated},
         {"calibrated", std::isnan(cost.calibrated) ? train::Json() : train::Json(cost.calibrated)},
         {"measured", std::isnan(cost.measured) ? train::Json() : train::Json(cost.measured)}});
  }
  return list;
}

std::string rates_table(const Rates& rates) {
  std::vector<std::vector<std::string>> rows = {{"kernel", "rate", ""}};
  for (std::size_t i = 0; i < kernel_count; ++i) {
    const bool bytes = Kernel(i) == Kernel::memory, seldom = Kernel(i) == Kernel::pivot;
    const double per_second = 1 / rates.costs[i];
    rows.push_back(
        {to_string(Kernel(i)), train::fixed_text(per_second / (seldom ? 1e3 : 1e9), 1),
         bytes ? "GB/s" : (seldom ? "rows/ms" : "GFLOP/s")});
  }
  return text_table(rows, {1});
}

std::string as_comment(const std::string& text) {
  std::string commented;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    commented.append("# ").append(text, begin, end - begin).append("\n");
    begin = end + 1;
  }
  return commented;
}

std::string config_toml(const train::Config& config) {
  std::string text;
  const train::Json sections = train::config_to_json(config);
  for (const auto& [section, members] : sections.items()) {
    text += (text.empty() ? "[" : "\n[") + section + "]\n";
    // Strings, numbers, booleans and lists are written alike in JSON and in TOML.
    for (const auto& [name, value] : members.items())
      text += name + " = " + train::json_text(value) + "\n";
  }
  return text;
}

}  // namespace proxprop::app
