#pragma once

#include <filesystem>

namespace proxprop::train {

/// Where plotly.min.js is: $PROXPROP_PLOTLY, else share/proxprop/ beside the program's bin/, else where the build found
/// it. Throws RecordError that says what to do where there is none.
std::filesystem::path plotly_path();

}  // namespace proxprop::train
