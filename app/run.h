#pragma once
// One training run with all its records: what `train` does once and `compare` for each method.

#include "app/commands/command.h"
#include "train/calibration.h"
#include "train/data/dataset.h"
#include "train/observer.h"
#include "train/plan_costs.h"
#include "train/records/run_folder.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace proxprop::app {

struct Run {
  std::string label;
  train::Config config;
  std::filesystem::path folder;
  train::ExistingFolder existing = train::ExistingFolder::refuse;
};

/// The entry of train::known_datasets(). Throws train::DataError with a suggestion when there is none.
const train::DatasetInfo& find_dataset_info(const std::string& name);

/// What can be wrong with a configuration by itself, found before anything is written: the device, the data set's name,
/// the model. Throws train::ConfigError, train::DataError or MissingDeviceError. Returns the planner's choice for each
/// layer.
std::vector<train::LayerPlan> check_config(const train::Config& config);

/// What every route of every proximal layer costs on this machine. For a configuration that `check_config` accepts.
std::vector<train::RouteMeasurement> measure_plan(const train::Config& config);

/// The rates of this machine with the threads of the configuration.
train::Calibration calibrate(const train::Config& config);

/// The rest of what can be wrong, which depends on the number of records. Throws train::ConfigError.
void check_with_data(const train::Config& config, const train::Dataset& dataset);

/// Throws train::ConfigError when `now` changes what a resumed run must keep.
void check_resumable(const train::Config& before, const train::Config& now);

/// Reads the data set of the configuration.
train::Dataset load_data(const train::Config& config, const Session& session);

/// Trains into the folder, which must be checked and locked already; an older run in it is only replaced once this one
/// can start. A run that diverges is returned with that status.
train::RunEnd execute(
    const Run& run, const train::Dataset& dataset, const std::atomic<bool>& stop, const Session& session);

/// One line about how a run ended.
std::string describe(const std::string& label, const train::RunEnd& end);

/// exit_ok, exit_interrupted or exit_diverged.
int exit_code(const train::RunEnd& end);

/// Writes the report of runs that have ended with `code`. That it cannot be written is an error of its own: it is told,
/// and makes a failure of exit_ok alone.
int with_report(int code, const Session& session, const std::function<void()>& write);

}  // namespace proxprop::app
