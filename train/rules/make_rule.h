#pragma once

#include "train/config.h"
#include "train/rules/direction_rule.h"

#include <memory>

namespace proxprop::train {

/// Whether the method is one whose layers follow a DirectionRule.
bool has_rule(const MethodConfig& method);

/// The rule of one layer; null for other methods. Throws ConfigError.
std::unique_ptr<DirectionRule> make_rule(const MethodConfig& method);

/// Whether the method is for the output layer as well, which otherwise takes explicit steps: K-FAC's matrix is that of
/// all layers, and LocoProp solves a local problem in each; their directions have another scale than gradients.
bool rules_output_layer(const MethodConfig& method);

/// Whether the method knows fully connected layers only.
bool is_for_linear_layers_only(const MethodConfig& method);

}  // namespace proxprop::train
