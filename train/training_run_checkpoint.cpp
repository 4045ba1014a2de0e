#include "train/check_config.h"
#include "train/errors.h"
#include "train/model_state.h"
#include "train/optimizer.h"
#include "train/records/config_json.h"
#include "train/solver_states.h"
#include "train/training_run.h"

#include <ATen/Context.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <mutex>

namespace proxprop::train {
namespace {

// Of the processor, and of the device where it has its own. Dropout draws from the one of the device.
std::vector<std::pair<std::string, at::Generator>> generators(at::Device device) {
  std::vector<std::pair<std::string, at::Generator>> all = {{"cpu", at::globalContext().defaultGenerator(at::kCPU)}};
  if (device.is_cuda())
    all.emplace_back("cuda", at::globalContext().defaultGenerator(device));
  return all;
}

}  // namespace

bool TrainingRun::checkpoint_due() const {
  return save_interval_ > 0 && step_ > 0 && step_ % save_interval_ == 0 && !saved_;
}

void TrainingRun::save_checkpoint() {
  tell_steps();
  if (options_.checkpoints.empty() || saved_ || replicas_.rank() != 0)
    return;
  check_parameters();
  for (Observer* observer : options_.observers)
    observer->on_checkpoint(step_);
  train::save_checkpoint(options_.checkpoints, capture());
  prune_checkpoints(options_.checkpoints, step_, config_.train.keep, best_.step);
  saved_ = true;
}

// The losses so far are finite, but the last step may have been one too many: never replace a good checkpoint by that.
void TrainingRun::check_parameters() const {
  const std::string parameter = nonfinite_parameter(*model_);
  require<DivergedError>(
      parameter.empty(), "training diverged: ", parameter, " is not finite after step ", step_,
      "; try a smaller optimizer.lr");
}

void TrainingRun::save_weights() const {
  if (options_.checkpoints.empty() || replicas_.rank() != 0)
    return;
  save_safetensors(
      options_.checkpoints / "model.safetensors",
      {model_state(*model_), {{"format", "pt"}, {"config", json_text(config_to_json(config_))}}});
}

Checkpoint TrainingRun::capture() const {
  Checkpoint checkpoint;
  checkpoint.model = model_state(*model_);
  checkpoint.optimizer = whole_step_ ? whole_step_->state() : optimizer_state(*optimizer_, *model_);
  checkpoint.solvers = solver_states(*model_);
  for (auto& [name, generator] : generators(device_)) {
    const std::lock_guard lock(generator.mutex());
    checkpoint.generators.emplace(name, generator.get_state());
  }
  checkpoint.sampler = sampler_.state();
  checkpoint.step = step_;
  checkpoint.evaluated_epoch = evaluated_epoch_;
  checkpoint.evaluated_step = evaluated_step_;
  checkpoint.lr_factor = guard_.state().lr_factor;
  checkpoint.refused_in_a_row = guard_.state().refused_in_a_row;
  checkpoint.seconds = stopwatch_.seconds();
  checkpoint.evaluations = evaluations_;
  checkpoint.best = best_;
  checkpoint.train_records = data_.train.records();
  checkpoint.rates = rates_in_use();
  checkpoint.config = config_;
  return checkpoint;
}

void TrainingRun::resume() {
  const auto checkpoint = load_newest_checkpoint(options_.checkpoints, [this](const std::string& line) { warn(line); });
  if (!checkpoint)
    return;
  check_resumable(checkpoint->config, config_);
  require<ConfigError>(
      checkpoint->train_records == data_.train.records(), "cannot resume: the checkpoint is of a run over ",
      checkpoint->train_records, " training records, there are ", data_.train.records(), " now");
  restore(*checkpoint);
}

void TrainingRun::restore(const Checkpoint& checkpoint) {
  load_model_state(*model_, checkpoint.model);
  if (whole_step_)
    whole_step_->restore(checkpoint.optimizer);
  else
    restore_optimizer_state(*optimizer_, *model_, checkpoint.optimizer);
  restore_solver_states(*model_, checkpoint.solvers, device_);
  use_rates(checkpoint.rates);  // not those of another machine, or of another day: the plan decides the last bits
  for (auto& [name, generator] : generators(device_)) {
    const auto state = checkpoint.generators.find(name);
    if (state == checkpoint.generators.end())
      continue;  // the run moved to another kind of device
    const std::lock_guard lock(generator.mutex());
    generator.set_state(state->second);
  }
  guard_.restore({checkpoint.lr_factor, checkpoint.refused_in_a_row});
  sampler_.restore(checkpoint.sampler);
  step_ = first_step_ = checkpoint.step;
  evaluations_ = checkpoint.evaluations;
  evaluated_epoch_ = checkpoint.evaluated_epoch;
  evaluated_step_ = std::max(checkpoint.evaluated_step, evaluated_epoch_ * sampler_.batches_per_epoch());
  best_ = checkpoint.best;
  stopwatch_ = Stopwatch(checkpoint.seconds);
  resumed_ = true;
  saved_ = true;
}

}  // namespace proxprop::train
