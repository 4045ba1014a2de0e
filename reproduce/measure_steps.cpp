// measure_steps of timing.h. Apart, because it needs the training loop.

#include "benchmarks/measure.h"
#include "reproduce/timing.h"
#include "train/training_run.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

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

/// The run's gradient evaluations are added to `evaluations` step by step.
benchmarks::Contender contender(const Cell& cell, const train::Dataset& dataset, std::vector<double>& evaluations) {
  return {cell.method, false, [&] {
            auto measured = std::make_shared<MeasuredRun>(cell.config, dataset);
            return benchmarks::Running{
                [measured, &evaluations] {
                  const double before = measured->run.evaluations();
                  measured->run.step();
                  evaluations.push_back(measured->run.evaluations() - before);
                },
                {},
                ""};
          }};
}

/// Of the steps after the first ones, which are not timed.
double evaluations_of_a_step(const std::vector<double>& steps, int untimed) {
  return benchmarks::quartiles({steps.begin() + std::min<std::ptrdiff_t>(untimed, std::ssize(steps)), steps.end()})
      .median;
}

}  // namespace

Timing measure_steps(
    const std::vector<Cell>& cells,
    const train::Dataset& dataset,
    Machine machine,
    const std::function<void(const std::string&)>& progress) {
  std::vector<std::vector<double>> evaluations(cells.size());
  std::vector<benchmarks::Contender> contenders;
  for (size_t i = 0; i < cells.size(); ++i)
    contenders.push_back(contender(cells[i], dataset, evaluations[i]));
  benchmarks::Settings settings;
  settings.memory = false;
  settings.hopeless = std::numeric_limits<double>::infinity();  // a figure has all its methods
  settings.seconds_per_case = 120;
  settings.warmup = 1;  // a step over all records may take a minute
  settings.fewest_rounds = 3;
  settings.progress = progress;
  std::vector<benchmarks::Row> rows;
  benchmarks::measure("training step", dataset.name, contenders, settings, rows);
  Timing timing;
  timing.machine = std::move(machine);
  timing.machine.threads = at::get_num_threads();
  for (size_t i = 0; i < rows.size(); ++i) {
    const benchmarks::Row& row = rows[i];
    timing.steps.push_back(
        {row.method, row.ms_median / 1e3, row.ratio_median, row.ratio_q1, row.ratio_q3,
         evaluations_of_a_step(evaluations[i], 1 + settings.warmup)});
  }
  return timing;
}

}  // namespace proxprop::reproduce
