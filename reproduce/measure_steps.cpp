// measure_steps of timing.h. Apart, because it needs the training loop.

#include "benchmarks/measure.h"
#include "reproduce/timing.h"
#include "train/training_run.h"

#include <ATen/Parallel.h>

#include <limits>
#include <memory>
#include <utility>

namespace proxprop::reproduce {
namespace {

/// A run that takes steps and records nothing. It keeps references to its configuration and options.
struct MeasuredRun {
  MeasuredRun(const train::Config& settings, const train::Dataset& dataset)
      : config(settings), run(config, dataset, options) {}

  train::Config config;
  train::TrainerOptions options;
  train::TrainingRun run;
};

benchmarks::Contender contender(const Cell& cell, const train::Dataset& dataset) {
  return {cell.method, false, [&] {
            auto measured = std::make_shared<MeasuredRun>(cell.config, dataset);
            return benchmarks::Running{[measured] { measured->run.step(); }, {}, ""};
          }};
}

}  // namespace

Timing measure_steps(
    const std::vector<Cell>& cells,
    const train::Dataset& dataset,
    Machine machine,
    const std::function<void(const std::string&)>& progress) {
  std::vector<benchmarks::Contender> contenders;
  for (const Cell& cell : cells)
    contenders.push_back(contender(cell, dataset));
  benchmarks::Settings settings;
  settings.memory = false;
  settings.hopeless = std::numeric_limits<double>::infinity();  // a figure has all its methods
  settings.seconds_per_case = 120;
  settings.progress = progress;
  std::vector<benchmarks::Row> rows;
  benchmarks::measure("training step", dataset.name, contenders, settings, rows);
  Timing timing;
  timing.machine = std::move(machine);
  timing.machine.threads = at::get_num_threads();
  for (const benchmarks::Row& row : rows)
    timing.steps.push_back({row.method, row.ms_median / 1e3, row.ratio_median, row.ratio_q1, row.ratio_q3});
  return timing;
}

}  // namespace proxprop::reproduce
