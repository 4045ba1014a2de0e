#include "reproduce/results_page.h"

#include <system_error>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;

constexpr const char* introduction = R"(# Results

Made by `proxprop reproduce` from the records of the runs; do not edit. `experiments/` has the settings, the paper is
Frerix, Möllenhoff, Moeller, Cremers: *Proximal Backpropagation*, ICLR 2018. Training loss is that over the whole training
set after an epoch (the paper's "full batch loss"); test accuracy is that after the epoch with the best validation
accuracy. "..." is a run that has not got that far.
)";

std::string cell_text(const std::string& text) {
  std::string escaped;
  for (const char c : text)
    escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string row_text(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells)
    line += " " + cell_text(cell) + " |";
  return line + "\n";
}

std::string table_text(const TextTable& table) {
  std::string text = "\n" + table.caption + ":\n\n" + row_text(table.header) + "|";
  for (size_t i = 0; i < table.header.size(); ++i)
    text += "---|";
  text += "\n";
  for (const auto& row : table.rows)
    text += row_text(row);
  return text;
}

std::string picture_text(const Section& section, const fs::path& pictures, const fs::path& page) {
  const fs::path picture = pictures / (section.name + ".png");
  std::error_code ignored;
  if (!fs::exists(picture, ignored))
    return {};
  const fs::path relative = fs::absolute(picture).lexically_relative(fs::absolute(page).parent_path());
  return "\n![" + section.title + "](" + relative.generic_string() + ")\n";
}

}  // namespace

std::string results_markdown(const std::vector<Section>& sections, const fs::path& pictures, const fs::path& page) {
  std::string text = introduction;
  for (const Section& section : sections) {
    text += "\n## " + section.title + "\n\n" + section.setting + "\n";
    text += picture_text(section, pictures, page);
    for (const TextTable& table : section.tables)
      text += table_text(table);
    for (const std::string& note : section.notes)
      text += "\n" + note + "\n";
    if (!section.remarks.empty())
      text += "\n" + section.remarks + "\n";
  }
  return text;
}

}  // namespace proxprop::reproduce
