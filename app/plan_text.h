#pragma once

#include "train/observer.h"
#include "train/plan_costs.h"
#include "train/records/json.h"

#include <proxprop/prox/rates.h>

#include <string>
#include <vector>

namespace proxprop::app {

/// The planner's choice per layer as a table.
std::string plan_table(const std::vector<train::LayerPlan>& plan);

/// The same as a list of objects, whose keys are the members of LayerPlan.
train::Json plan_json(const std::vector<train::LayerPlan>& plan);

/// What every route costs, as a table and as a list of objects whose keys are the members of RouteMeasurement.
std::string costs_table(const std::vector<train::RouteMeasurement>& costs);
train::Json costs_json(const std::vector<train::RouteMeasurement>& costs);

/// What this machine does per second of each kind of work.
std::string rates_table(const Rates& rates);

/// The text with "# " before each line.
std::string as_comment(const std::string& text);

/// The configuration as TOML that --config reads.
std::string config_toml(const train::Config& config);

}  // namespace proxprop::app
