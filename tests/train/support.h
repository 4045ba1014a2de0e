#pragma once
// What the tests of the trainer share: a temporary folder, a small data set, small models, an observer that remembers.

#include "tests/train/temporary_folder.h"
#include "train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/core/Generator.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train {

/// Images of 2 x 8 x 8 whose class is the brightest of three bands, with noise.
inline LabelledImages banded_images(int64_t records, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const at::Tensor labels = at::randint(0, 3, {records}, generator, at::kLong);
  at::Tensor images = at::randint(0, 120, {records, 2, 8, 8}, generator, at::kByte);
  for (int64_t i = 0; i < records; ++i)
    images[i].narrow(1, 2 * labels[i].item<int64_t>(), 3).add_(100);
  return {images, labels};
}

inline Dataset banded_dataset(int64_t train_records = 90) {
  Dataset dataset;
  dataset.name = "banded";
  dataset.classes = 3;
  dataset.class_names = {"upper", "middle", "lower"};
  dataset.train = banded_images(train_records, 1);
  dataset.validation = banded_images(30, 2);
  dataset.test = banded_images(30, 3);
  return dataset;
}

/// A small MLP, three epochs of six batches.
inline Config small_config() {
  Config config;
  config.model.hidden = {12, 8};
  config.optimizer.lr = 0.1;
  config.optimizer.momentum = 0.9;
  config.train.epochs = 3;
  config.train.batch_size = 16;
  config.train.seed = 7;
  config.train.threads = 1;  // so small a model gains nothing from more
  return config;
}

/// Remembers every event, and can ask for a stop after a step or an epoch.
class Recorder : public Observer {
 public:
  void on_start(const RunStart& start) override { starts.push_back(start); }
  void on_step(const StepEvent& step) override {
    steps.push_back(step);
    if (step.step == stop_after)
      stop = true;
  }
  void on_energy(const EnergyEvent& energy) override { energies.push_back(energy); }
  void on_epoch(const EpochEvent& epoch) override {
    epochs.push_back(epoch);
    if (epoch.epoch == stop_after_epoch)
      stop = true;
  }
  void on_end(const RunEnd& end) override { ends.push_back(end); }

  std::vector<RunStart> starts;
  std::vector<StepEvent> steps;
  std::vector<EnergyEvent> energies;
  std::vector<EpochEvent> epochs;
  std::vector<RunEnd> ends;
  std::atomic<bool> stop = false;
  int64_t stop_after = -1;
  int64_t stop_after_epoch = -1;
};

inline TrainerOptions options_for(
    Recorder& recorder, const std::filesystem::path& checkpoints = {}, bool resume = false) {
  TrainerOptions options;
  options.checkpoints = checkpoints;
  options.resume = resume;
  options.observers = {&recorder};
  options.stop = &recorder.stop;
  return options;
}

/// The message of the `Error` that `action` throws; empty, and so failing, when it throws none.
template <class Error, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace proxprop::train
