#include "app/experiment_header.h"

#include "app/suggest.h"
#include "train/errors.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace proxprop::app {
namespace {

using reproduce::Coordinate;
using reproduce::PaperValues;
using reproduce::Shows;
using train::ConfigError;

constexpr std::array<std::pair<const char*, Shows>, 4> kinds = {{
    {"curves", Shows::curves},
    {"table", Shows::table},
    {"tuning", Shows::tuning},
    {"spectrum", Shows::spectrum},
}};

[[noreturn]] void fail(const toml::node& node, const std::string& message) {
  const toml::source_region& at = node.source();
  throw ConfigError(
      (at.path ? *at.path : std::string("experiment")) + ":" + std::to_string(at.begin.line) + ":" +
      std::to_string(at.begin.column) + ": " + message);
}

const toml::table& as_table(const toml::node& node, const std::string& name) {
  if (!node.is_table())
    fail(node, name + " must be a table");
  return *node.as_table();
}

std::string as_text(const toml::node& node, const std::string& name) {
  if (!node.is_string())
    fail(node, name + " must be a string");
  return node.as_string()->get();
}

double as_number(const toml::node& node, const std::string& name) {
  if (!node.is_number())
    fail(node, name + " must be a number");
  return *node.value<double>();
}

const toml::array& as_list(const toml::node& node, const std::string& name) {
  if (!node.is_array() || node.as_array()->empty())
    fail(node, name + " must be a list that is not empty");
  return *node.as_array();
}

/// As value_from_text reads it.
std::string plain_text(const toml::node& node) {
  if (const auto* text = node.as_string())
    return text->get();
  std::ostringstream stream;
  stream << toml::node_view<const toml::node>(node);
  return stream.str();
}

Grid read_axes(const toml::table& sections, const std::string& place) {
  Grid grid;
  for (const auto& [section, members] : sections) {
    for (const auto& [member, values] : as_table(members, place + "." + std::string(section.str()))) {
      const std::string path = std::string(section.str()) + "." + std::string(member.str());
      const Key* key = find_key(path);
      if (key == nullptr)
        fail(values, "unknown key '" + path + "'" + suggest_key(path));
      Axis axis{key, {}};
      for (const toml::node& value : as_list(values, place + "." + path))
        axis.values.push_back(plain_text(value));
      grid.push_back(std::move(axis));
    }
  }
  return grid;
}

/// Grids by method; "" is that of all others.
std::map<std::string, Grid> read_grids(const toml::table& table) {
  std::map<std::string, Grid> grids;
  toml::table common;
  const auto& sections = config_sections();
  for (const auto& [name, node] : table) {
    const std::string label(name.str());
    if (std::find(sections.begin(), sections.end(), label) != sections.end())
      common.insert(label, node);
    else
      grids[label] = read_axes(as_table(node, "grid." + label), "grid." + label);
  }
  grids[""] = read_axes(common, "grid");
  return grids;
}

PaperValues read_paper(const toml::table& table) {
  PaperValues paper;
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    if (key == "who")
      paper.who = as_text(node, key);
    else if (key == "methods")
      for (const toml::node& method : as_list(node, key))
        paper.methods.push_back(as_text(method, key));
    else if (key == "best_validation_accuracy")
      paper.best_validation_accuracy = as_number(node, key);
    else if (key == "test_accuracy")
      paper.test_accuracy = as_number(node, key);
    else if (key == "largest_eigenvalue")
      paper.largest_eigenvalue = as_number(node, key);
    else if (key == "train_loss")
      for (const toml::node& loss : as_list(node, key))
        paper.train_loss.push_back(as_number(loss, key));
    else
      fail(node, "unknown key 'paper." + key + "'");
  }
  return paper;
}

Shows read_kind(const toml::node& node) {
  const std::string text = as_text(node, "shows");
  for (const auto& [name, kind] : kinds) {
    if (text == name)
      return kind;
  }
  fail(node, "experiment.shows must be curves, table, tuning or spectrum, not '" + text + "'");
}

}  // namespace

ExperimentHeader read_experiment_header(std::string_view text, const std::string& origin) {
  const toml::table file = toml::parse(text, origin);
  const toml::node* node = file.get("experiment");
  if (node == nullptr)
    throw ConfigError(origin + ": there is no table [experiment]");
  ExperimentHeader header;
  for (const auto& [name, value] : as_table(*node, "experiment")) {
    const std::string key(name.str());
    if (key == "title")
      header.experiment.title = as_text(value, key);
    else if (key == "shows")
      header.experiment.shows = read_kind(value);
    else if (key == "remarks")
      header.experiment.remarks = as_text(value, key);
    else if (key == "grid")
      header.grids = read_grids(as_table(value, key));
    else if (key == "paper")
      for (const toml::node& entry : as_list(value, key))
        header.experiment.paper.push_back(read_paper(as_table(entry, key)));
    else
      fail(value, "unknown key 'experiment." + key + "'");
  }
  return header;
}

std::vector<std::vector<Coordinate>> grid_points(const Grid& grid) {
  std::vector<std::vector<Coordinate>> result{{}};
  for (const Axis& axis : grid) {
    std::vector<std::vector<Coordinate>> longer;
    for (const auto& point : result) {
      for (const std::string& value : axis.values) {
        longer.push_back(point);
        longer.back().push_back({axis.key->path(), value});
      }
    }
    result = std::move(longer);
  }
  return result;
}

}  // namespace proxprop::app
