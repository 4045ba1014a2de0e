#pragma once

#include "train/config.h"
#include "train/layer_shape.h"

#include <string>
#include <vector>

namespace proxprop::train {

/// What one route costs for one proximal layer: as the planner estimates it by its fixed weights and by this machine's
/// rates, and as it was on this machine. All are beyond plain backpropagation through the layer, as a fraction of its
/// forward and backward.
struct RouteMeasurement {
  std::string layer;
  std::string route;
  bool chosen = false;  ///< by the planner, with the rates of the configuration
  bool fits = true;     ///< within the memory limit
  double bytes = 0;     ///< extra memory at its peak, estimated
  double estimated = 0;
  double calibrated = 0;  ///< the same by measured rates; NaN where this machine has never been calibrated
  double measured = 0;    ///< NaN where it was not measured: impossible, or estimated above `most_estimated`
};

constexpr double most_estimated = 20;  ///< routes that are estimated to cost more are not tried

/// Measures every route of every proximal layer of the configured model on a random batch: forward and backward of the
/// layer alone on the CPU, the fastest of a few. `input` = {channels, height, width}. Throws as `model_layers`.
std::vector<RouteMeasurement> measure_plan(const Config& config, const Shape& input, int64_t classes);

}  // namespace proxprop::train
