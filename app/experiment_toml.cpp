#include "app/experiment_toml.h"

#include "app/comparison_plan.h"
#include "app/config_sources.h"
#include "app/exit_codes.h"
#include "app/experiment_files.h"
#include "app/suggest.h"
#include "train/data/dataset.h"
#include "train/errors.h"
#include "train/records/posix_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <utility>

namespace proxprop::app {
namespace {

using reproduce::Cell;
using reproduce::Experiment;
using reproduce::PaperValues;
using reproduce::Coordinate;
using reproduce::Shows;
using train::ConfigError;

constexpr std::array<std::pair<const char*, const std::string_view*>, 6> embedded = {{
    {"fig2", &experiment_files::fig2_toml},
    {"table1", &experiment_files::table1_toml},
    {"fig3", &experiment_files::fig3_toml},
    {"hessian", &experiment_files::hessian_toml},
    {"released", &experiment_files::released_toml},
    {"tuning", &experiment_files::tuning_toml},
}};

constexpr std::array<std::pair<const char*, Shows>, 4> kinds = {{
    {"curves", Shows::curves},
    {"table", Shows::table},
    {"tuning", Shows::tuning},
    {"spectrum", Shows::spectrum},
}};

/// Values of one key, as text.
struct Axis {
  const Key* key;
  std::vector<std::string> values;
};
using Grid = std::vector<Axis>;

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

/// All combinations, the last axis fastest. Without axes, one point of no coordinates.
std::vector<std::vector<Coordinate>> points(const Grid& grid) {
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

/// The table [experiment], all but what the configuration decides.
struct Header {
  Experiment experiment;
  std::map<std::string, Grid> grids{{"", {}}};
};

Shows read_kind(const toml::node& node) {
  const std::string text = as_text(node, "shows");
  for (const auto& [name, kind] : kinds) {
    if (text == name)
      return kind;
  }
  fail(node, "experiment.shows must be curves, table, tuning or spectrum, not '" + text + "'");
}

Header read_header(const toml::table& file, const std::string& origin) {
  const toml::node* node = file.get("experiment");
  if (node == nullptr)
    throw ConfigError(origin + ": there is no table [experiment]");
  Header header;
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

ConfigSources sources_of(std::string_view text, const std::string& origin, const ExperimentRequest& request) {
  ConfigSources sources;
  sources.add_toml(text, origin);
  for (const std::string& assignment : request.sets)
    sources.add_set(assignment);
  const auto flag = [&](const char* path, const std::string& value) { sources.add_flag(*find_key(path), value); };
  if (!request.dataset.empty()) {
    flag("data.name", request.dataset);
    flag("data.train_size", "0");
    flag("data.validation_size", "-1");
  }
  if (request.epochs)
    flag("train.epochs", std::to_string(*request.epochs));
  if (!request.device.empty())
    flag("train.device", request.device);
  if (!request.data_dir.empty())
    flag("data.dir", request.data_dir);
  return sources;
}

void check_grid(const Experiment& experiment, const std::map<std::string, Grid>& grids) {
  for (const auto& [label, grid] : grids) {
    const auto& methods = experiment.methods;
    if (!label.empty() && std::find(methods.begin(), methods.end(), label) == methods.end())
      throw ConfigError("the grid of '" + label + "' is for no method of the experiment" + did_you_mean(label, methods));
  }
  const size_t per_method = experiment.cells.size() / experiment.methods.size();
  for (const std::string& method : experiment.methods) {
    const auto runs = std::count_if(
        experiment.cells.begin(), experiment.cells.end(), [&](const Cell& cell) { return cell.method == method; });
    if (experiment.shows == Shows::tuning && static_cast<size_t>(runs) != per_method)
      throw ConfigError("a tuning study gives every method the same number of runs, and " + method + " has " +
                        std::to_string(runs));
  }
}

std::string name_of(const std::string& name, const ExperimentRequest& request) {
  std::string text = name;
  if (!request.dataset.empty())
    text += "-" + request.dataset;
  for (const std::string& assignment : request.sets)
    text += "-" + assignment.substr(assignment.find('.') + 1);
  return text;
}

}  // namespace

std::vector<std::string> known_experiments() {
  std::vector<std::string> names;
  for (const auto& [name, text] : embedded)
    names.emplace_back(name);
  return names;
}

Experiment read_experiment(const ExperimentRequest& request) {
  for (const auto& [name, text] : embedded) {
    if (request.source == name)
      return read_experiment_text(*text, name, std::string("experiments/") + name + ".toml", request);
  }
  const std::filesystem::path path = request.source;
  if (path.extension() != ".toml") {
    throw UsageError(
        "there is no experiment '" + request.source + "'" + did_you_mean(request.source, known_experiments()) +
        "; there are " + join(known_experiments()) + ", or give a file NAME.toml");
  }
  return read_experiment_text(train::read_file(path), path.stem().string(), path.string(), request);
}

Experiment read_experiment_text(
    std::string_view text, const std::string& name, const std::string& origin, const ExperimentRequest& request) {
  if (!request.dataset.empty())
    train::dataset_info(request.dataset);
  const ConfigSources sources = sources_of(text, origin, request);
  Header header = read_header(toml::parse(text, origin), origin);
  Experiment& experiment = header.experiment;
  experiment.name = name_of(name, request);
  if (!request.dataset.empty() || !request.sets.empty()) {
    experiment.paper.clear();
    experiment.remarks.clear();
  }
  const bool spectrum = experiment.shows == Shows::spectrum;
  experiment.methods = spectrum ? std::vector<std::string>{"exact"} : sources.methods();
  if (experiment.methods.empty())
    throw ConfigError(origin + ": [compare] methods names none");
  plan_comparison(sources, experiment.methods);  // checks labels, and that methods start alike
  for (const std::string& method : experiment.methods) {
    const auto own = header.grids.find(method);
    for (const auto& point : points(own == header.grids.end() ? header.grids.at("") : own->second)) {
      ConfigSources at_point = sources;
      for (const Coordinate& coordinate : point)
        at_point.add_set(method + "." + coordinate.key + "=" + coordinate.value);
      Cell cell{method, point, at_point.resolve(method).config};
      for (Coordinate& coordinate : cell.point)
        coordinate.value = value_text(*find_key(coordinate.key), cell.config);
      experiment.cells.push_back(std::move(cell));
    }
  }
  check_grid(experiment, header.grids);
  return std::move(experiment);
}

}  // namespace proxprop::app
