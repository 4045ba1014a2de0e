#pragma once
// What happens in a run, told to whoever listens: files, progress bar, TensorBoard. The training loop prints nothing.

#include "train/config.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace proxprop::train {

/// One proximal layer and what the planner chose for it (a row of the report's "plan" table).
struct LayerPlan {
  std::string layer;    ///< name in the model, e.g. "0" or "features.3"
  std::string kind;     ///< Linear | Conv2d | ...
  std::string solver;   ///< exact | cg3 | gradient
  std::string route;    ///< sample Gram | feature Gram | matrix-free | explicit
  int64_t rows = 0;     ///< S
  int64_t columns = 0;  ///< d
  int64_t outputs = 0;  ///< O
  std::string reason;   ///< one sentence
};

struct RunStart {
  std::string label;  ///< short name of the run, e.g. "exact"
  Config config;
  int64_t parameters = 0;  ///< number of trainable parameters
  int64_t train_records = 0, validation_records = 0, test_records = 0;
  int64_t batches_per_epoch = 0;
  int64_t first_step = 0;  ///< > 0 when resumed
  bool resumed = false;
  std::vector<LayerPlan> plan;
  std::map<std::string, double> rates;  ///< seconds per unit of work that the plan goes by; empty: fixed weights
};

struct StepEvent {
  int64_t step = 0;        ///< optimizer steps done, from 1
  double epoch = 0;        ///< fractional
  double loss = 0;         ///< of the batch, before the step; NaN or infinite only where the step was not taken
  double seconds = 0;      ///< training time so far (evaluation not counted), over all resumptions
  double lr = 0;           ///< 0 where the step was not taken (train.on_nonfinite, or a line search that found nothing)
  double evaluations = 0;  ///< gradient evaluations so far, see EpochEvent
};

struct EpochEvent {
  int64_t epoch = 0;          ///< whole epochs done; 0 is the state before training
  int64_t step = 0;           ///< past the end of `epoch` only where train.max_steps ended the run inside the next one
  double seconds = 0;         ///< training time so far, evaluation not counted
  double train_loss = 0;      ///< full training set, after the epoch (the paper's "full batch loss")
  double train_accuracy = 0;  ///< in [0, 1]
  double validation_loss = 0, validation_accuracy = 0;  ///< NaN where there is no validation set
  double test_loss = 0, test_accuracy = 0;
  double lr = 0;
  /// Gradient evaluations so far, in passes over the training set: a forward and backward pass of as many records as
  /// there are counts 1, a forward pass alone 1/3 (one of three products per layer), a Gauss-Newton product 4/3. Gram
  /// matrices, factors and closed forms are not counted: seconds show them.
  double evaluations = 0;
};

/// E of the paper's eq. 3 around the update of one block of variables, in the order of the algorithm; method `lab` with
/// train.record_energies only. All other blocks have the values that the update saw.
struct EnergyEvent {
  int64_t step = 0;  ///< as in StepEvent
  double epoch = 0;
  std::string block;  ///< last | z | theta | a
  int64_t layer = 0;  ///< l of theta_l and z_l in eq. 3, from 1; a's is that of the layer that it goes into
  double before = 0;
  double after = 0;
};

/// How well one proximal layer's direction V solves M V = b, from train.check_residuals.
struct ResidualEvent {
  int64_t step = 0;  ///< as in StepEvent
  double epoch = 0;
  std::string layer;    ///< as in LayerPlan
  std::string route;    ///< the one taken
  std::string status;   ///< ok, or what the solver said first since the last check
  double residual = 0;  ///< |M V - b| / |b| in float64
};

struct RunEnd {
  std::string status;  ///< finished | interrupted | diverged
  int64_t epochs = 0, steps = 0;
  double seconds = 0;
  double best_validation_accuracy = 0;
  int64_t best_epoch = 0;
  double test_accuracy_at_best = 0;
  int64_t ranks = 1;                   ///< that trained together
  double bytes_per_step = 0;           ///< that rank 0 sent, of the steps of this process
  double gradient_bytes_per_step = 0;  ///< that it would send in plain data parallel training
  /// Most main memory of the process while it trained (train/peak_memory.h), of the last process of a run that was
  /// resumed; 0: not known.
  int64_t peak_resident_bytes = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_start(const RunStart&) {}
  virtual void on_step(const StepEvent&) {}
  virtual void on_energy(const EnergyEvent&) {}
  virtual void on_residual(const ResidualEvent&) {}
  virtual void on_epoch(const EpochEvent&) {}
  /// A checkpoint of `step` is about to be written. A run that goes on from it does not tell again what came before,
  /// which therefore has to be on the disk first.
  virtual void on_checkpoint(int64_t /*step*/) {}
  virtual void on_end(const RunEnd&) {}
};

}  // namespace proxprop::train
