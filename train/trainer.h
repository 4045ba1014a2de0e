#pragma once
// One run: a model, a method, an optimizer, a data set, from a seed to a trained network.

#include "train/config.h"
#include "train/data/dataset.h"
#include "train/errors.h"
#include "train/observer.h"

#include <proxprop/prox/communicator.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::train {

struct TrainerOptions {
  std::filesystem::path checkpoints;  ///< folder for checkpoints and model.safetensors; empty: none are written
  bool resume = false;                ///< go on from the newest valid checkpoint there; begin where there are none
  std::vector<Observer*> observers;   ///< not owned
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal handler: save a checkpoint and return "interrupted"
  std::string label;                        ///< RunStart.label
  std::function<void(const std::string&)>
      warn;  ///< one line each, e.g. a torn checkpoint was passed over; may be empty
  /// Called once all is checked, constructed and resumed, before anything is written or any observer is told: the place
  /// to make room for the run. May be empty.
  std::function<void()> before_start;
  /// Ranks that train one model together, each on its share of every batch: the same parameters as one rank alone with
  /// whole batches. Null: alone. Every rank calls `train` with the same configuration and data; all read `checkpoints`,
  /// rank 0 alone writes, and should be the only one with observers.
  std::shared_ptr<Communicator> communicator;
  int64_t local_rank = 0;  ///< of the ranks on this machine: which GPU `cuda` means
};

/// Trains, and returns how it ended. A resumed run is bit-identical to one that never stopped, but for times. Epochs
/// that are over are evaluated, and so is the end of a run that `max_steps` ends inside one. Weights are written as
/// model.safetensors beside the checkpoints when the run is finished. Throws ConfigError (also when `resume` is not set
/// and the folder holds checkpoints, which would be mixed up), DivergedError, CheckpointError, RecordError.
RunEnd train(const Config& config, const Dataset& dataset, const TrainerOptions& options);

/// The planner's choice for every layer of the configured model, without training (for `info --plan`).
std::vector<LayerPlan> plan_layers(
    const Config& config, int64_t channels, int64_t height, int64_t width, int64_t classes);

}  // namespace proxprop::train
