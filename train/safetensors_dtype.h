#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace proxprop::train {

/// The format's name of a type, e.g. "F32"; empty when it has none.
std::string_view safetensors_dtype(at::ScalarType type);

/// The inverse.
std::optional<at::ScalarType> scalar_type_of(std::string_view safetensors_dtype);

}  // namespace proxprop::train
