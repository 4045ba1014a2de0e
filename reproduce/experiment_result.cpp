#include "reproduce/experiment_result.h"

#include "reproduce/task_plan.h"
#include "train/records/json.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <system_error>
#include <utility>

namespace proxprop::reproduce {
namespace {

namespace fs = std::filesystem;
using train::Json;

SpectrumResult read_spectrum(const Cell& cell, const fs::path& folder) {
  SpectrumResult result;
  result.point = cell.point;
  const fs::path path = folder / "hessian.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    return result;
  const Json object = train::parse_json(train::read_file(path), path.string());
  try {
    const Json& spectrum = object.at("spectra").at(0);
    result.known = true;
    result.records = spectrum.at("rows").get<double>();
    result.largest = spectrum.at("largest").at(0).at("value").get<double>();
    result.smallest = spectrum.at("smallest").at(0).at("value").get<double>();
    result.smallest_error = spectrum.at("smallest").at(0).at("error").get<double>();
    return result;
  } catch (const Json::exception& error) {
    throw train::RecordReadError(path.string() + " is not what proxprop writes: " + error.what());
  }
}

}  // namespace

const CellResult* ExperimentResult::baseline() const {
  for (const CellResult& cell : cells) {
    if (cell.cell.config.method.name == "backprop")
      return &cell;
  }
  return cells.empty() ? nullptr : &cells.front();
}

std::vector<double> ExperimentResult::seconds(const CellResult& cell) const {
  const StepTime* step = timing ? timing->find(cell.cell.method) : nullptr;
  std::vector<double> result;
  if (step == nullptr)
    return result;
  if (step->evaluations > 0 && !cell.evaluations.empty()) {
    for (const double evaluations : cell.evaluations)
      result.push_back(evaluations * step->seconds / step->evaluations);
    return result;
  }
  for (const int64_t steps : cell.step)
    result.push_back(static_cast<double>(steps) * step->seconds);
  return result;
}

ExperimentResult read_result(const Experiment& experiment, int64_t seeds, const RunStore& store, const fs::path& out) {
  ExperimentResult result;
  result.experiment = experiment;
  result.seeds = seeds;
  result.timing = read_timing(timing_path(out, experiment.name));
  for (const Cell& cell : experiment.cells) {
    if (experiment.shows == Shows::spectrum)
      result.spectra.push_back(read_spectrum(cell, hessian_folder(out, cell.config)));
    else
      result.cells.push_back(read_cell(cell, seeds, store));
  }
  return result;
}

std::vector<const CellResult*> chosen_cells(const ExperimentResult& result) {
  std::vector<const CellResult*> chosen;
  for (const std::string& method : result.experiment.methods) {
    const CellResult* best = nullptr;
    for (const CellResult& cell : result.cells) {
      const bool usable = cell.cell.method == method && cell.complete && cell.diverged == 0;
      if (usable && (best == nullptr || cell.best_validation_accuracy.mean > best->best_validation_accuracy.mean))
        best = &cell;
    }
    chosen.push_back(best);
  }
  return chosen;
}

}  // namespace proxprop::reproduce
