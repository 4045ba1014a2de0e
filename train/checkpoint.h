#pragma once

#include "train/config.h"
#include "train/data/sampler.h"
#include "train/safetensors.h"

#include <proxprop/prox/rates.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace proxprop::train {

/// The epoch with the best validation accuracy so far; without a validation set the last one.
struct BestEpoch {
  int64_t epoch = -1;  ///< -1: none has been evaluated
  int64_t step = 0;
  double validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  double test_accuracy = std::numeric_limits<double>::quiet_NaN();
};

/// Everything that a run needs to go on as if it had never stopped.
struct Checkpoint {
  TensorMap model;       ///< parameters and buffers by name
  TensorMap optimizer;   ///< by parameter name, see optimizer_state; or the state of a WholeStep in its place
  TensorMap solvers;     ///< what the layers' solvers keep from step to step, see solver_states
  TensorMap generators;  ///< states of the random number generators: "cpu", and "cuda" on a GPU
  Sampler::State sampler;
  int64_t step = 0;
  int64_t evaluated_epoch = -1;  ///< last epoch whose EpochEvent has been told; -1: not even epoch 0
  int64_t evaluated_step = -1;   ///< the step of the last EpochEvent, which may lie inside an epoch; -1: none
  double lr_factor = 1;          ///< see NonfiniteGuard::State
  int64_t refused_in_a_row = 0;  ///< likewise
  double seconds = 0;            ///< training time so far
  double evaluations = 0;        ///< gradient evaluations so far, see EpochEvent
  BestEpoch best;
  int64_t train_records = 0;
  Rates rates;  ///< that the routes were planned by
  Config config;
};

/// Told in one line why a file was passed over.
using WarningCallback = std::function<void(const std::string&)>;

/// Writes `folder`/step-00001234.safetensors, atomically and with a SHA-256 over the whole file in its metadata; makes
/// the folder. Returns the path. Throws RecordError.
std::filesystem::path save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// Throws RecordError when the file cannot be read, CheckpointError when it is torn, corrupt or of another format
/// version.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// The newest checkpoint in `folder` that is valid; invalid ones are passed over with a warning. Empty when there are
/// none at all; throws CheckpointError when there are some and all are invalid.
std::optional<Checkpoint> load_newest_checkpoint(const std::filesystem::path& folder, const WarningCallback& warn);

/// Whether `folder` holds any file named like a checkpoint.
bool has_checkpoints(const std::filesystem::path& folder);

/// Removes checkpoints up to `step` except the newest `keep` of them and the one of `best_step`, and temporary files
/// that a killed process left. Files past `step` are left alone.
void prune_checkpoints(const std::filesystem::path& folder, int64_t step, int64_t keep, int64_t best_step);

}  // namespace proxprop::train
