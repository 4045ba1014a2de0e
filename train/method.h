#pragma once

#include "train/config.h"

#include <proxprop/prox/options.h>

#include <optional>

namespace proxprop::train {

/// The proximal step in the parameters that the method asks for; none where the step is explicit (backprop, or lab with
/// step_theta = explicit). Throws ConfigError.
std::optional<ProximalOptions> proximal_options(const MethodConfig& method);

/// Throws ConfigError for a setting of the method `lab` where the method is another.
void check_lab_settings(const Config& config);

}  // namespace proxprop::train
