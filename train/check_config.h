#pragma once

#include "train/config.h"
#include "train/model.h"

#include <cstdint>

namespace proxprop::train {

/// Everything that can be wrong with a configuration but its model (model_layers) and its device (select_device): each
/// section by itself, and combinations that are not sound. Throws ConfigError or DataError.
void check_config(const Config& config, int64_t train_records);

/// Batch normalization of vectors cannot train on a batch of one record, which a run's last batch may be.
void check_batches(const std::vector<ModelLayer>& layers, int64_t batch_size, int64_t train_records);

/// A resumed run must be the run that the checkpoint is of: `now` may differ from `then` only in how long to train,
/// what to keep, where the data lie and what to compute on; and not in train.epochs where the schedule depends on it.
/// Throws ConfigError that names the first key that differs.
void check_resumable(const Config& then, const Config& now);

}  // namespace proxprop::train
