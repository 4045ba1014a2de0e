#include "scene.h"

#include "train/records/metrics.h"
#include "train/records/run_folder.h"

#include <gtest/gtest.h>

namespace proxprop::reproduce::scene {

void write_run(const std::filesystem::path& folder, const Play& play) {
  std::filesystem::create_directories(folder);
  train::RunInfo info;
  info.config = play.config;
  train::write_run_info(folder, info);
  train::MetricsWriter metrics(folder);
  train::RunStart start;
  start.config = play.config;
  start.batches_per_epoch = 10;
  metrics.on_start(start);
  for (int64_t k = 0; k <= play.epochs; ++k) {
    train::EpochEvent epoch;
    epoch.epoch = k;
    epoch.step = 10 * k;
    epoch.seconds = 5.0 * static_cast<double>(k);
    epoch.train_loss = 2 * play.loss / static_cast<double>(k + 1);
    epoch.validation_accuracy = k == play.best ? 0.7 : 0.5;
    epoch.test_accuracy = k == play.best ? 0.6 : 0.4;
    epoch.evaluations = play.evaluations * static_cast<double>(k);
    metrics.on_epoch(epoch);
  }
  if (play.status.empty())
    return;
  train::RunEnd end;
  end.status = play.status;
  end.epochs = play.epochs;
  end.steps = 10 * play.epochs + (play.status == "diverged" ? 4 : 0);
  end.peak_resident_bytes = play.peak_resident_bytes;
  metrics.on_end(end);
}

train::Config config(const std::string& method, uint64_t seed, int64_t epochs) {
  train::Config result;
  result.method.name = method;
  result.train.seed = seed;
  result.train.epochs = epochs;
  return result;
}

Cell cell(const train::Config& config) {
  return {config.method.name, {}, config};
}

void no_warning(const std::string& line) {
  ADD_FAILURE() << line;
}

}  // namespace proxprop::reproduce::scene
