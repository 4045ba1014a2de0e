#pragma once

#include "train/layer_spec.h"

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::train {

/// Sizes of one record: {channels, height, width}, or {entries} once flattened.
using Shape = std::vector<int64_t>;

/// "20 x 4 x 4".
std::string to_string(const Shape& shape);

int64_t entries(const Shape& shape);

/// What the layer makes of a record of size `input`. Throws ConfigError, which begins with `where` and names the sizes,
/// when the layer cannot take it.
Shape output_shape(const LayerSpec& spec, const Shape& input, const std::string& where);

}  // namespace proxprop::train
