#include "tests/train/records/scene.h"

#include <cmath>
#include <fstream>
#include <iterator>

namespace proxprop::train::scene {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

RunStart Play::start() const {
  RunStart start;
  start.label = label;
  start.config.method.name = method;
  start.config.train.epochs = epochs;
  start.config.train.batch_size = 10;
  start.parameters = 1234567;
  start.train_records = 40;
  start.validation_records = 10;
  start.test_records = 10;
  start.batches_per_epoch = batches;
  start.plan = {{"0", "Linear", "exact", "sample Gram", 10, 785, 30, "S < d"}};
  return start;
}

StepEvent Play::step(int64_t step) const {
  const double epoch = static_cast<double>(step) / batches;
  return {step, epoch, 2 * std::pow(decay, epoch), pace * epoch, 0.1, 2 * epoch};
}

EpochEvent Play::epoch(int64_t epoch) const {
  const auto time = static_cast<double>(epoch);
  const double loss = 2 * std::pow(decay, time);
  return {epoch,      epoch * batches,  pace * time, loss,    1 - loss / 3, loss + 0.1, 0.5 + 0.1 * time,
          loss + 0.2, 0.4 + 0.1 * time, 0.1,         2 * time};
}

RunEnd Play::end() const {
  return {
      "finished",
      epochs,
      epochs * batches,
      pace * static_cast<double>(epochs),
      epoch(epochs).validation_accuracy,
      epochs,
      epoch(epochs).test_accuracy};
}

void Play::tell(Observer& observer, int64_t from, int64_t to) const {
  RunStart begin = start();
  begin.resumed = from > 0;
  begin.first_step = from;
  observer.on_start(begin);
  if (from == 0)
    observer.on_epoch(epoch(0));
  for (int64_t now = from + 1; now <= to; ++now) {
    observer.on_step(step(now));
    if (now % batches == 0)
      observer.on_epoch(epoch(now / batches));
  }
  if (to == epochs * batches)
    observer.on_end(end());
}

RunRecord Play::record() const {
  RunRecord run;
  run.label = label;
  run.metrics.start = start();
  for (int64_t now = 1; now <= epochs * batches; ++now)
    run.metrics.steps.push_back(step(now));
  for (int64_t now = 0; now <= epochs; ++now)
    run.metrics.epochs.push_back(epoch(now));
  run.metrics.end = end();
  return run;
}

}  // namespace proxprop::train::scene
