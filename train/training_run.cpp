#include "train/training_run.h"

#include "train/calibration.h"
#include "train/check_config.h"
#include "train/chunked_loss.h"
#include "train/data/batch.h"
#include "train/data/normalization.h"
#include "train/errors.h"
#include "train/evaluation.h"
#include "train/model_state.h"
#include "train/optimizer.h"
#include "train/peak_memory.h"
#include "train/rules/make_rule.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

namespace proxprop::train {
namespace {

const Config& checked(const Config& config, const Dataset& dataset) {
  check_config(config, dataset.train.records());
  return config;
}

LabelledImages on_device(const LabelledImages& data, at::Device device) {
  if (data.records() == 0)
    return data;
  return {data.images.to(device), data.labels.to(device), data.pixels};
}

Dataset on_device(Dataset data, at::Device device) {
  data.train = on_device(data.train, device);
  data.validation = on_device(data.validation, device);
  data.test = on_device(data.test, device);
  return data;
}

// Ranks on one machine have a GPU each.
std::string replica_device(const std::string& device, const Replicas& replicas, int64_t local_rank) {
  return device == "cuda" && !replicas.alone() ? "cuda:" + std::to_string(local_rank) : device;
}

// The last batch of an epoch may be smaller.
int64_t smallest_batch(int64_t records, int64_t batch_size) {
  const int64_t rest = records % batch_size;
  return rest == 0 ? batch_size : std::min(rest, batch_size);
}

// Built on the CPU in float32 whatever the run computes on, so that a seed means one initialisation.
torch::nn::Sequential seeded_model(
    const std::vector<ModelLayer>& layers, const Config& config, at::Device device, at::ScalarType dtype) {
  torch::manual_seed(config.train.seed);
  torch::nn::Sequential model = build_model(layers, config.method);
  convert(*model, device, dtype);
  return model;
}

int64_t save_interval(double epochs, int64_t batches_per_epoch) {
  if (epochs == 0)
    return 0;
  const double steps = std::min(epochs * static_cast<double>(batches_per_epoch), 1e15);
  return std::max<int64_t>(std::llround(steps), 1);
}

}  // namespace

TrainingRun::TrainingRun(const Config& config, const Dataset& dataset, const TrainerOptions& options)
    : config_(checked(config, dataset)),
      options_(options),
      replicas_(options.communicator),
      device_(select_device(replica_device(config.train.device, replicas_, options.local_rank))),
      dtype_(select_dtype(config.train.dtype)),
      execution_(config.train),
      data_(on_device(normalized(dataset, config.data.normalization), device_)),
      layers_(model_layers(config.model, data_.train.images.sizes().slice(1).vec(), data_.classes)),
      model_(seeded_model(layers_, config, device_, dtype_)),
      lab_(config.method.name == "lab" ? std::optional<LabStep>(std::in_place, model_, config.method) : std::nullopt),
      fisher_pass_(model_),
      whole_step_(make_whole_step(config, model_, data_.train.records())),
      guard_(model_, nonfinite_policy(config.train.on_nonfinite), device_.is_cuda()),
      optimizer_(make_optimizer(config.optimizer, *model_)),
      records_per_step_(records_per_step(config, data_.train.records())),
      sampler_(data_.train.records(), records_per_step_, config.train.seed),
      schedule_(config.schedule, sampler_.batches_per_epoch(), config.train.epochs),
      save_interval_(save_interval(config.train.save_every, sampler_.batches_per_epoch())),
      log_(device_.is_cuda()) {
  check_batches(layers_, config.train.batch_size, data_.train.records());
  replicas_.check_model(layers_);
  require<ConfigError>(
      replicas_.alone() || !(lab_ || whole_step_), "method.name = ", config.method.name,
      " trains on one rank alone; there are ", replicas_.size());
  require<ConfigError>(
      replicas_.alone() || !has_rule(config.method), "method.name = ", config.method.name,
      " trains on one rank alone: averages of the ranks' directions are not its direction; there are ",
      replicas_.size());
  if (config.optimizer.name == "entropy_sgd")
    check_entropy_sgd();
  const int64_t fewest = smallest_batch(data_.train.records(), records_per_step_);
  require<ConfigError>(
      fewest >= replicas_.size(), "a batch of ", fewest, " records leaves some of ", replicas_.size(),
      " ranks without one; choose another train.batch_size or train_size");
  replicas_.join(*model_);
  bytes_before_ = replicas_.bytes_sent();
  if (config.train.check_residuals > 0) {
    require<ConfigError>(
        replicas_.alone(), "train.check_residuals works on one rank alone; there are ", replicas_.size());
    residual_check_.emplace(model_, layers_);
  }
}

// An epoch has to end with a step of the parameters, which are Langevin iterates in between.
void TrainingRun::check_entropy_sgd() const {
  const int64_t iterations = config_.optimizer.entropy_l;
  require<ConfigError>(
      sampler_.batches_per_epoch() % iterations == 0, "optimizer.entropy_l = ", iterations,
      " must divide the number of batches in an epoch, ", sampler_.batches_per_epoch(),
      ": each batch is one Langevin iteration, and only after entropy_l of them has the model its parameters");
  require<ConfigError>(
      replicas_.alone(),
      "optimizer.name = entropy_sgd trains on one rank alone: each rank would have its own noise; there are ",
      replicas_.size());
}

void TrainingRun::announce_start() {
  restart_peak_resident_bytes();
  const bool mixes_runs = !options_.resume && !options_.checkpoints.empty() && has_checkpoints(options_.checkpoints);
  require<ConfigError>(
      !mixes_runs, options_.checkpoints.string(),
      " holds checkpoints of another run; resume that run, or choose another folder");
  RunStart start;
  start.label = options_.label;
  start.config = config_;
  start.parameters = parameter_count(*model_);
  start.train_records = data_.train.records();
  start.validation_records = data_.validation.records();
  start.test_records = data_.test.records();
  start.batches_per_epoch = sampler_.batches_per_epoch();
  start.first_step = step_;
  start.resumed = resumed_;
  start.plan = plan_model(model_, layers_, std::min(config_.train.batch_size, data_.train.records()));
  tell_whole_steps(config_.method, start.plan);
  if (rates_in_use().measured)
    start.rates = named_rates(rates_in_use());
  for (Observer* observer : options_.observers)
    observer->on_start(start);
}

int64_t TrainingRun::total_steps() const {
  const int64_t steps = config_.train.epochs * sampler_.batches_per_epoch();
  return config_.train.max_steps > 0 ? std::min(steps, config_.train.max_steps) : steps;
}

bool TrainingRun::finished() const {
  return step_ >= total_steps() && !evaluation_due();
}

bool TrainingRun::stop_requested() const {
  const bool wish = options_.stop != nullptr && *options_.stop;
  return replicas_.alone() ? wish : stop_agreed_;
}

void TrainingRun::step() {
  stopwatch_.start();
  const double lr = learning_rate_after(step_);
  set_learning_rate(*optimizer_, lr);
  const Batch batch = next_batch();
  const Step step = take_step(batch, lr);
  ++step_;
  evaluations_ += step.evaluations * static_cast<double>(batch.records) / static_cast<double>(data_.train.records());
  saved_ = false;
  stopwatch_.stop();

  StepEvent event;
  event.step = step_;
  event.epoch = static_cast<double>(step_) / static_cast<double>(sampler_.batches_per_epoch());
  event.seconds = stopwatch_.seconds();
  event.lr = step.taken ? lr : 0;
  event.evaluations = evaluations_;
  log_.add(event, step.loss);
  if (log_.flush_due() || !energies_.empty() || !residuals_.empty())
    tell_steps();
  tell_energies(event);
  tell_residuals(event);
}

// 1 where no optimizer takes the step.
double TrainingRun::learning_rate_after(int64_t step) const {
  return whole_step_ ? 1 : config_.optimizer.lr * schedule_.factor(step) * guard_.state().lr_factor;
}

// This rank's share of the next batch.
TrainingRun::Batch TrainingRun::next_batch() {
  at::Tensor records = sampler_.next();
  if (keeps_order(config_))
    records = std::get<0>(records.sort());
  if (whole_step_)
    records = whole_step_->choose_records().value_or(records);
  const auto [begin, end] = replicas_.share(records.numel());
  auto [input, labels] = to_batch(data_.train, records.slice(0, begin, end), dtype_, device_);
  return {std::move(input), std::move(labels), replicas_.weight(records.numel()), records.numel()};
}

TrainingRun::Step TrainingRun::take_step(const Batch& batch, double lr) {
  if (whole_step_) {
    const StepOutcome outcome = whole_step_->take(batch.input, batch.labels);
    return {outcome.loss, outcome.taken, outcome.evaluations};
  }
  double evaluations = 0;
  const auto evaluate_directions = [&] {
    ++evaluations;
    optimizer_->zero_grad();
    return directions(batch, lr);
  };
  if (config_.optimizer.name == "lbfgs") {  // one step of it takes several evaluations
    const at::Tensor loss = optimizer_->step(evaluate_directions);
    return {loss, true, evaluations};
  }
  guard_.before_forward();
  const at::Tensor loss = evaluate_directions();
  if (!guard_.finite(loss)) {
    warn(guard_.refuse(loss, batch.input, step_ + 1));
    return {loss, false};
  }
  optimizer_->step();
  guard_.taken();
  return {loss, true, evaluations + fisher_pass_.evaluations()};
}

// Leaves in `.grad` what the optimizer is to take; returns the loss.
at::Tensor TrainingRun::directions(const Batch& batch, double lr) {
  if (!lab_) {
    const bool check = residual_check_ && step_ % config_.train.check_residuals == 0;
    if (batch.input.size(0) > config_.train.batch_size) {
      at::Tensor loss = ChunkedLoss(model_, batch.input, batch.labels, config_.train.batch_size).backward(batch.weight);
      stop_agreed_ = replicas_.synchronize(loss, options_.stop != nullptr && *options_.stop);
      return loss;
    }
    const at::Tensor output = check ? residual_check_->forward(batch.input) : model_->forward(batch.input);
    at::Tensor loss = torch::nn::functional::cross_entropy(output, batch.labels);
    if (!replicas_.alone())
      loss = loss * batch.weight;
    fisher_pass_.run(output);
    loss.backward();
    stop_agreed_ = replicas_.synchronize(loss, options_.stop != nullptr && *options_.stop);
    if (check)
      residuals_ = residual_check_->residuals();
    return loss;
  }
  const int64_t interval = config_.train.record_energies;
  if (interval == 0 || step_ % interval != 0)
    return lab_->run(batch.input, batch.labels, lr);
  LabStep::Recorded recorded = lab_->run_recorded(batch.input, batch.labels, lr);
  energies_ = std::move(recorded.energies);
  return recorded.loss;
}

void TrainingRun::tell_energies(const StepEvent& step) {
  for (EnergyEvent& event : energies_) {
    event.step = step.step;
    event.epoch = step.epoch;
    for (Observer* observer : options_.observers)
      observer->on_energy(event);
  }
  energies_.clear();
}

void TrainingRun::tell_residuals(const StepEvent& step) {
  for (ResidualEvent& event : residuals_) {
    event.step = step.step;
    event.epoch = step.epoch;
    if (event.status != to_string(Status::ok)) {
      warn(
          "the solver of layer " + event.layer + " said " + event.status + " at or before step " +
          std::to_string(event.step));
    }
    for (Observer* observer : options_.observers)
      observer->on_residual(event);
  }
  residuals_.clear();
}

void TrainingRun::tell_steps() {
  if (log_.empty())
    return;
  stopwatch_.start();
  const std::vector<StepEvent> events = log_.flush();
  if (device_.is_cuda())
    c10::impl::getDeviceGuardImpl(device_.type())->synchronizeDevice(device_.index());
  stopwatch_.stop();
  for (const StepEvent& event : events) {
    check_finite(event);
    for (Observer* observer : options_.observers)
      observer->on_step(event);
  }
}

// Of steps that were taken; on a GPU this is where a loss that is not finite shows.
void TrainingRun::check_finite(const StepEvent& step) const {
  const bool left_out = guard_.policy() != NonfinitePolicy::stop && step.lr == 0;
  if (std::isfinite(step.loss) || left_out)
    return;
  const std::string parameter = nonfinite_parameter(*model_);
  throw DivergedError(
      "training diverged: the loss is " + std::to_string(step.loss) + " at step " + std::to_string(step.step) +
      (parameter.empty() ? "" : ", and now " + parameter + " is not finite") + "; try a smaller optimizer.lr");
}

bool TrainingRun::evaluation_due() const {
  const bool over = step_ % sampler_.batches_per_epoch() == 0 || step_ >= total_steps();
  return over && evaluated_step_ < step_;
}

void TrainingRun::evaluate() {
  tell_steps();
  const auto train = train::evaluate(model_, data_.train, options_.stop, replicas_);
  const auto validation = train::evaluate(model_, data_.validation, options_.stop, replicas_);
  const auto test = train::evaluate(model_, data_.test, options_.stop, replicas_);
  if (!train || !validation || !test)
    return;
  const bool may_go_on = guard_.policy() != NonfinitePolicy::stop && nonfinite_parameter(*model_).empty();
  require<DivergedError>(
      std::isfinite(train->loss) || may_go_on, "training diverged: the loss over the training set is ", train->loss,
      " after step ", step_, " (epoch ", epochs_done(), "); try a smaller optimizer.lr");
  evaluated_epoch_ = epochs_done();
  evaluated_step_ = step_;
  saved_ = false;
  remember_if_best(evaluated_epoch_, *validation, *test);
  tell_epoch(*train, *validation, *test);
}

void TrainingRun::remember_if_best(int64_t epoch, const Evaluation& validation, const Evaluation& test) {
  const bool better = std::isnan(validation.accuracy) || validation.accuracy > best_.validation_accuracy;
  if (better || best_.epoch < 0)
    best_ = {epoch, step_, validation.accuracy, test.accuracy};
}

void TrainingRun::tell_epoch(const Evaluation& train, const Evaluation& validation, const Evaluation& test) {
  EpochEvent event;
  event.epoch = evaluated_epoch_;
  event.step = step_;
  event.seconds = stopwatch_.seconds();
  event.train_loss = train.loss;
  event.train_accuracy = train.accuracy;
  event.validation_loss = validation.loss;
  event.validation_accuracy = validation.accuracy;
  event.test_loss = test.loss;
  event.test_accuracy = test.accuracy;
  event.lr = learning_rate_after(std::max<int64_t>(step_ - 1, 0));
  event.evaluations = evaluations_;
  for (Observer* observer : options_.observers)
    observer->on_epoch(event);
}

RunEnd TrainingRun::announce_end(const std::string& status) {
  RunEnd end;
  end.status = status;
  end.epochs = epochs_done();
  end.steps = step_;
  end.seconds = stopwatch_.seconds();
  end.best_validation_accuracy = best_.validation_accuracy;
  end.best_epoch = std::max<int64_t>(best_.epoch, 0);
  end.test_accuracy_at_best = best_.test_accuracy;
  end.ranks = replicas_.size();
  const auto steps = static_cast<double>(std::max<int64_t>(step_ - first_step_, 1));
  end.bytes_per_step = static_cast<double>(replicas_.bytes_sent() - bytes_before_) / steps;
  end.gradient_bytes_per_step = replicas_.gradient_bytes();
  end.peak_resident_bytes = peak_resident_bytes();
  for (Observer* observer : options_.observers)
    observer->on_end(end);
  return end;
}

void TrainingRun::warn(const std::string& message) const {
  if (options_.warn)
    options_.warn(message);
}

}  // namespace proxprop::train
