#pragma once

#include <map>
#include <string>
#include <string_view>

namespace proxprop::train {

/// The template with each {{name}} replaced once by its value; what is put in is not looked at again, so no content can
/// pose as a placeholder. "plotly" is Plotly.js, fit to stand in a `<script>` element. Throws
/// RecordError where plotly.min.js is missing.
std::string fill_page(std::string_view text, std::map<std::string_view, std::string_view> values);

}  // namespace proxprop::train
