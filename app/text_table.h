#pragma once

#include <string>
#include <vector>

namespace proxprop::app {

/// Rows of cells as aligned text, two blanks between columns, no blanks at line ends. The first row is the heading and
/// is underlined. Columns in `right` are aligned to the right.
std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::vector<std::size_t>& right = {});

}  // namespace proxprop::app
