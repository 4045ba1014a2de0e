#pragma once
// The table [experiment] of an experiment's file, as it stands there.

#include "app/config_keys.h"
#include "reproduce/experiment.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::app {

/// Values of one key, as value_from_text reads them.
struct Axis {
  const Key* key;
  std::vector<std::string> values;
};
using Grid = std::vector<Axis>;  ///< in the order of the keys

struct ExperimentHeader {
  reproduce::Experiment experiment;             ///< without name, methods and cells
  std::map<std::string, Grid> grids{{"", {}}};  ///< by method; "" is that of all others
};

/// `text` must be valid TOML. Throws train::ConfigError that names the place.
ExperimentHeader read_experiment_header(std::string_view text, const std::string& origin);

/// All combinations, the last axis fastest. Without axes, one point of no coordinates.
std::vector<std::vector<reproduce::Coordinate>> grid_points(const Grid& grid);

}  // namespace proxprop::app
