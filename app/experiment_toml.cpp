#include "app/experiment_toml.h"

#include "app/comparison_plan.h"
#include "app/config_sources.h"
#include "app/exit_codes.h"
#include "app/experiment_files.h"
#include "app/experiment_header.h"
#include "app/suggest.h"
#include "train/data/dataset.h"
#include "train/errors.h"
#include "train/records/posix_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <utility>

namespace proxprop::app {
namespace {

using reproduce::Cell;
using reproduce::Coordinate;
using reproduce::Experiment;
using reproduce::Shows;
using train::ConfigError;

constexpr std::array<std::pair<const char*, const std::string_view*>, 9> embedded = {{
    {"fig2", &experiment_files::fig2_toml},
    {"table1", &experiment_files::table1_toml},
    {"fig3", &experiment_files::fig3_toml},
    {"hessian", &experiment_files::hessian_toml},
    {"released", &experiment_files::released_toml},
    {"tuning", &experiment_files::tuning_toml},
    {"relatives", &experiment_files::relatives_toml},
    {"relatives-mlp", &experiment_files::relatives_mlp_toml},
    {"relatives-convnet", &experiment_files::relatives_convnet_toml},
}};

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
      throw ConfigError(
          "the grid of '" + label + "' is for no method of the experiment" + did_you_mean(label, methods));
  }
  const size_t per_method = experiment.cells.size() / experiment.methods.size();
  for (const std::string& method : experiment.methods) {
    const auto runs = std::count_if(
        experiment.cells.begin(), experiment.cells.end(), [&](const Cell& cell) { return cell.method == method; });
    if (experiment.shows == Shows::tuning && static_cast<size_t>(runs) != per_method)
      throw ConfigError(
          "a tuning study gives every method the same number of runs, and " + method + " has " + std::to_string(runs));
  }
}

std::string title_of(const std::string& title, const ExperimentRequest& request) {
  std::vector<std::string> changes = request.sets;
  if (!request.dataset.empty())
    changes.insert(changes.begin(), "data " + request.dataset);
  return changes.empty() ? title : title + "; here with " + join(changes);
}

std::string name_of(const std::string& name, const ExperimentRequest& request) {
  std::string text = name;
  if (!request.dataset.empty())
    text.append("-").append(request.dataset);
  for (const std::string& assignment : request.sets)
    text.append("-").append(assignment, assignment.find('.') + 1);
  // It becomes a folder's name.
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == '/'; }, '_');
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
  ExperimentHeader header = read_experiment_header(text, origin);
  Experiment& experiment = header.experiment;
  experiment.name = name_of(name, request);
  experiment.title = title_of(experiment.title, request);
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
    for (const auto& point : grid_points(own == header.grids.end() ? header.grids.at("") : own->second)) {
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
