#pragma once

#include "train/checkpoint.h"
#include "train/data/sampler.h"
#include "train/evaluation.h"
#include "train/execution.h"
#include "train/lab_step.h"
#include "train/model.h"
#include "train/nonfinite_guard.h"
#include "train/replicas.h"
#include "train/residual_check.h"
#include "train/rules/fisher_pass.h"
#include "train/schedule.h"
#include "train/step_log.h"
#include "train/stopwatch.h"
#include "train/trainer.h"
#include "train/whole_step.h"

#include <torch/optim/optimizer.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::train {

/// The state of a run and its named steps; trainer.cpp is the loop over them.
class TrainingRun {
 public:
  TrainingRun(const Config& config, const Dataset& dataset, const TrainerOptions& options);

  /// Goes on from the newest valid checkpoint, or begins where there are none.
  void resume();
  void announce_start();

  /// Of the gradient so far, in passes over the training set.
  double evaluations() const { return evaluations_; }

  bool finished() const;
  bool stop_requested() const;

  /// One batch: forward, backward, optimizer.
  void step();

  /// Before the first step, at the end of every epoch, and at the end of a run that train.max_steps ends inside one.
  bool evaluation_due() const;
  /// Full training set, validation, test. Given up when a stop is requested; it is then still due.
  void evaluate();

  bool checkpoint_due() const;
  void save_checkpoint();
  void save_weights() const;

  RunEnd announce_end(const std::string& status);

 private:
  void check_entropy_sgd() const;
  int64_t epochs_done() const { return step_ / sampler_.batches_per_epoch(); }
  int64_t total_steps() const;
  void tell_steps();
  struct Batch {
    at::Tensor input, labels;
    double weight;    ///< of its loss in the mean over the ranks
    int64_t records;  ///< of all ranks
  };
  struct Step {
    at::Tensor loss;
    bool taken = true;
    double evaluations = 1;  ///< of the gradient, over the batch
  };
  Batch next_batch();
  Step take_step(const Batch& batch, double lr);
  at::Tensor directions(const Batch& batch, double lr);
  double learning_rate_after(int64_t step) const;
  void tell_energies(const StepEvent& step);
  void tell_residuals(const StepEvent& step);
  void check_finite(const StepEvent& step) const;
  void tell_epoch(const Evaluation& train, const Evaluation& validation, const Evaluation& test);
  void remember_if_best(int64_t epoch, const Evaluation& validation, const Evaluation& test);
  void check_parameters() const;
  Checkpoint capture() const;
  void restore(const Checkpoint& checkpoint);
  void warn(const std::string& message) const;

  const Config& config_;
  const TrainerOptions& options_;
  Replicas replicas_;
  at::Device device_;
  at::ScalarType dtype_;
  ExecutionScope execution_;
  Dataset data_;  // the images lie on the device
  std::vector<ModelLayer> layers_;
  torch::nn::Sequential model_;
  std::optional<LabStep> lab_;
  FisherPass fisher_pass_;
  std::unique_ptr<WholeStep> whole_step_;  // null: an optimizer takes the step
  NonfiniteGuard guard_;
  std::optional<ResidualCheck> residual_check_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  int64_t records_per_step_;
  Sampler sampler_;
  Schedule schedule_;
  int64_t save_interval_;  // in steps; 0: never in between

  int64_t step_ = 0;
  double evaluations_ = 0;
  int64_t evaluated_epoch_ = -1;
  int64_t evaluated_step_ = -1;
  bool resumed_ = false;
  bool stop_agreed_ = false;
  int64_t bytes_before_ = 0;  // sent before the first step of this process
  int64_t first_step_ = 0;
  bool saved_ = false;  // the newest checkpoint holds the present state
  BestEpoch best_;
  Stopwatch stopwatch_;
  StepLog log_;
  std::vector<EnergyEvent> energies_;     // of the present step
  std::vector<ResidualEvent> residuals_;  // likewise
};

}  // namespace proxprop::train
