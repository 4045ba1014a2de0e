#include "app/run.h"

#include "app/exit_codes.h"
#include "app/suggest.h"
#include "app/system_info.h"
#include "train/check_config.h"
#include "train/execution.h"
#include "train/records/metrics.h"
#include "train/records/progress.h"
#include "train/records/record_error.h"
#include "train/records/tensorboard.h"
#include "train/trainer.h"

#include <cmath>
#include <cstdio>
#include <iostream>

namespace proxprop::app {
namespace {

void write_info(const Run& run, const Session& session) {
  train::RunInfo info;
  info.label = run.label;
  info.config = run.config;
  info.program_version = program_version();
  info.libtorch_version = libtorch_version();
  info.git_describe = source_version();
  info.device_name = device_name(run.config.train.device);
  info.command_line = session.command_line;
  if (run.existing == train::ExistingFolder::resume) {
    train::write_resumed_run_info(run.folder, info);
  } else {
    train::write_run_info(run.folder, info);
  }
}

/// Remembers how the run ended, for a trainer that throws after telling its observers.
class EndKeeper : public train::Observer {
 public:
  void on_end(const train::RunEnd& end) override { end_ = end; }
  const train::RunEnd& end() const { return end_; }

 private:
  train::RunEnd end_;
};

// What a rank does that writes nothing.
train::RunEnd execute_silently(
    const Run& run, const train::Dataset& dataset, const std::atomic<bool>& stop, const Session& session) {
  train::TrainerOptions options;
  options.resume = run.existing == train::ExistingFolder::resume;
  options.checkpoints = options.resume ? run.folder / "checkpoints" : std::filesystem::path();
  options.stop = &stop;
  options.communicator = session.communicator;
  options.local_rank = session.local_rank;
  try {
    return train::train(run.config, dataset, options);
  } catch (const train::DivergedError&) {  // rank 0 says so
    train::RunEnd end;
    end.status = "diverged";
    return end;
  }
}

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * fraction);
  return text;
}

}  // namespace

const train::DatasetInfo& find_dataset_info(const std::string& name) {
  std::vector<std::string> names;
  for (const train::DatasetInfo& info : train::known_datasets())
    names.push_back(info.name);
  try {
    return train::dataset_info(name);
  } catch (const train::DataError& error) {
    throw train::DataError(error.what() + did_you_mean(name, names));
  }
}

std::vector<train::LayerPlan> check_config(const train::Config& config) {
  require_device(config.train.device);
  const train::DatasetInfo& info = find_dataset_info(config.data.name);
  return train::plan_layers(config, info.channels, info.height, info.width, info.classes);
}

std::vector<train::RouteMeasurement> measure_plan(const train::Config& config) {
  const train::DatasetInfo& info = find_dataset_info(config.data.name);
  return train::measure_plan(config, {info.channels, info.height, info.width}, info.classes);
}

train::Calibration calibrate(const train::Config& config) {
  const train::ExecutionScope execution(config.train);
  return train::calibrate();
}

void check_with_data(const train::Config& config, const train::Dataset& dataset) {
  const int64_t records = dataset.train.records();
  train::check_config(config, records);
  const train::Shape input = dataset.train.images.sizes().slice(1).vec();
  train::check_batches(train::model_layers(config.model, input, dataset.classes), config.train.batch_size, records);
}

void check_resumable(const train::Config& before, const train::Config& now) {
  train::check_resumable(before, now);
}

train::Dataset load_data(const train::Config& config, const Session& session) {
  find_dataset_info(config.data.name);
  const train::DataConfig& data = config.data;
  train::Dataset dataset = train::load_dataset(data.name, data.dir, data.train_size, data.validation_size);
  session.detail("data set " + data.name + " read from " + train::find_dataset(data.name, data.dir).string());
  return dataset;
}

train::RunEnd execute(
    const Run& run, const train::Dataset& dataset, const std::atomic<bool>& stop, const Session& session) {
  if (!session.writes())
    return execute_silently(run, dataset, stop, session);
  train::MetricsWriter metrics(run.folder);
  train::TensorBoardWriter tensorboard(run.folder);
  train::Progress progress(std::cerr, train::progress_options_for_stderr(session.quiet));
  EndKeeper keeper;

  train::TrainerOptions options;
  options.checkpoints = run.folder / "checkpoints";
  options.resume = run.existing == train::ExistingFolder::resume;
  options.observers = {&metrics, &tensorboard, &progress, &keeper};
  options.stop = &stop;
  options.label = run.label;
  options.communicator = session.communicator;
  options.local_rank = session.local_rank;
  options.before_start = [&] {
    train::prepare_run_folder(run.folder, run.existing);
    write_info(run, session);
  };
  options.warn = [&](const std::string& line) { session.warning(line); };
  try {
    return train::train(run.config, dataset, options);
  } catch (const train::DivergedError& error) {
    session.error(run.label + ": " + error.what());
    train::RunEnd end = keeper.end();
    end.status = "diverged";
    return end;
  }
}

std::string describe(const std::string& label, const train::RunEnd& end) {
  char time[32];
  std::snprintf(time, sizeof time, "%.1f s", end.seconds);
  std::string text = label + ": " + end.status + " after " + std::to_string(end.epochs) + " epochs (" +
                     std::to_string(end.steps) + " steps, " + time + ")";
  if (end.status == "diverged")
    return text;
  if (end.best_epoch > 0 && std::isfinite(end.best_validation_accuracy)) {
    text += ", best validation accuracy " + percent(end.best_validation_accuracy) + " after epoch " +
            std::to_string(end.best_epoch);
  }
  if (std::isfinite(end.test_accuracy_at_best))
    text += ", test accuracy there " + percent(end.test_accuracy_at_best);
  return text;
}

int with_report(int code, const Session& session, const std::function<void()>& write) {
  try {
    write();
    return code;
  } catch (const train::RecordError& error) {
    session.error(
        "the training is recorded, its report is not: " + std::string(error.what()) +
        "; `proxprop report` writes it again");
    return code == exit_ok ? exit_failure : code;
  }
}

int exit_code(const train::RunEnd& end) {
  if (end.status == "interrupted")
    return exit_interrupted;
  if (end.status == "diverged")
    return exit_diverged;
  return exit_ok;
}

}  // namespace proxprop::app
