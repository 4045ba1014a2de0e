#include "app/text_table.h"

#include <algorithm>

namespace proxprop::app {

std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string fill(widths[i] - cells[i].size(), ' ');
      const bool to_the_right = std::find(right.begin(), right.end(), i) != right.end();
      line += (i > 0 ? "  " : "") + (to_the_right ? fill + cells[i] : cells[i] + fill);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    add_line(rows[i]);
    if (i > 0)
      continue;
    std::vector<std::string> rule;
    for (const std::size_t width : widths)
      rule.emplace_back(width, '-');
    add_line(rule);
  }
  return text;
}

}  // namespace proxprop::app
