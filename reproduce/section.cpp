#include "reproduce/section.h"

#include "reproduce/section_text.h"
#include "train/records/number_text.h"

#include <algorithm>

namespace proxprop::reproduce {
namespace {

std::string network_text(const train::ModelConfig& model) {
  std::string text;
  if (!model.layers.empty()) {
    for (const std::string& layer : model.layers)
      text.append(text.empty() ? "layers " : ", ").append(layer);
    return text;
  }
  if (model.name == "convnet")
    return "ConvNet with 16, 20 and 20 channels";
  if (model.hidden.empty())
    return "MLP with 4000, 1000 and 4000 hidden units";
  for (const int64_t width : model.hidden)
    text.append(text.empty() ? "MLP with hidden layers of " : ", ").append(std::to_string(width));
  return text;
}

std::string optimizer_text(const train::OptimizerConfig& optimizer) {
  const bool momentum = optimizer.name == "nesterov" || optimizer.name == "momentum";
  return momentum ? optimizer.name + " " + train::significant_text(optimizer.momentum, 2) : optimizer.name;
}

std::string pixels_text(const std::string& normalization) {
  if (normalization == "standardize")
    return "standardized by channel";
  return normalization == "center" ? "centred by channel" : "between 0 and 1";
}

bool same_optimizer(const Experiment& experiment) {
  return std::all_of(experiment.cells.begin(), experiment.cells.end(), [&](const Cell& cell) {
    return cell.config.optimizer.name == experiment.cells.front().config.optimizer.name;
  });
}

int64_t epochs_of(const Experiment& experiment, const std::string& method) {
  const auto& cells = experiment.cells;
  return std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) { return cell.method == method; })
      ->config.train.epochs;
}

/// "10 epochs", or where some methods have others "10 epochs (mac: 7, admm: 100)".
std::string epochs_text(const Experiment& experiment) {
  const int64_t common = epochs_of(experiment, experiment.methods.front());
  std::string text = std::to_string(common) + (common == 1 ? " epoch" : " epochs"), others;
  for (const std::string& method : experiment.methods) {
    if (const int64_t epochs = epochs_of(experiment, method); epochs != common)
      others.append(others.empty() ? " (" : ", ").append(method + ": " + std::to_string(epochs));
  }
  return others.empty() ? text : text + others + ")";
}

std::string setting_text(const ExperimentResult& result) {
  const Experiment& experiment = result.experiment;
  const train::Config& config = experiment.cells.front().config;
  if (experiment.shows == Shows::spectrum)
    return "Data: " + config.data.name + ". Without the bias's column of ones, in float64.";
  std::string text = "Data: " + config.data.name + ", pixels " + pixels_text(config.data.normalization) + ". " +
                     network_text(config.model) + ", batch " + std::to_string(config.train.batch_size);
  if (same_optimizer(experiment))
    text += ", " + optimizer_text(config.optimizer);
  return text + ", " + epochs_text(experiment) + ", " +
         (result.seeds == 1 ? "one seed" : std::to_string(result.seeds) + " seeds: mean (lowest .. highest)") +
         ". Every method starts from the same parameters and sees the same batches.";
}

}  // namespace

Section section_of(const ExperimentResult& result) {
  Section section;
  section.name = result.experiment.name;
  section.title = result.experiment.title;
  section.setting = setting_text(result);
  section.remarks = result.experiment.remarks;
  switch (result.experiment.shows) {
    case Shows::curves: add_curves(section, result); break;
    case Shows::table: add_table(section, result); break;
    case Shows::tuning: add_tuning(section, result); break;
    case Shows::spectrum: add_spectra(section, result); break;
  }
  if (result.timing)
    section.notes.push_back(timing_note(*result.timing));
  return section;
}

}  // namespace proxprop::reproduce
