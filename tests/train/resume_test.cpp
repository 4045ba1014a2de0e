#include "scoped_cache.h"
#include "support.h"
#include "train/calibration.h"
#include "train/checkpoint.h"
#include "train/errors.h"
#include "train/solver_states.h"

#include <proxprop/nn/linear.h>

#include <torch/nn/modules/container/sequential.h>

#include <gtest/gtest.h>

#include <bit>
#include <fstream>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// What a run leaves: everything but times.
struct Trace {
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
  RunEnd end;
  TensorMap weights;
};

void append(Trace& trace, const Recorder& recorder) {
  trace.steps.insert(trace.steps.end(), recorder.steps.begin(), recorder.steps.end());
  trace.epochs.insert(trace.epochs.end(), recorder.epochs.begin(), recorder.epochs.end());
  trace.end = recorder.ends.back();
}

// Trains in one go, or stopped after each of `stops` and resumed by a fresh trainer.
Trace run(const Config& config, const Dataset& dataset, const std::vector<int64_t>& stops) {
  const TemporaryFolder folder;
  Trace trace;
  for (size_t i = 0; i <= stops.size(); ++i) {
    Recorder recorder;
    if (i < stops.size())
      recorder.stop_after = stops[i];
    train(config, dataset, options_for(recorder, folder.path(), i > 0));
    append(trace, recorder);
    EXPECT_EQ(trace.end.status, i < stops.size() ? "interrupted" : "finished");
    torch::manual_seed(12345 + i);  // whatever the process did in between
  }
  trace.weights = load_safetensors(folder.path() / "model.safetensors").tensors;
  return trace;
}

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

void expect_identical(const Trace& a, const Trace& b, const std::string& what) {
  ASSERT_EQ(a.steps.size(), b.steps.size()) << what;
  for (size_t i = 0; i < a.steps.size(); ++i) {
    EXPECT_EQ(a.steps[i].step, b.steps[i].step) << what;
    EXPECT_TRUE(same_bits(a.steps[i].loss, b.steps[i].loss)) << what << ", loss of step " << i + 1;
    EXPECT_TRUE(same_bits(a.steps[i].lr, b.steps[i].lr)) << what;
    EXPECT_TRUE(same_bits(a.steps[i].evaluations, b.steps[i].evaluations)) << what;
  }
  ASSERT_EQ(a.epochs.size(), b.epochs.size()) << what;
  for (size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(a.epochs[i].epoch, b.epochs[i].epoch) << what;
    EXPECT_EQ(a.epochs[i].step, b.epochs[i].step) << what;
    EXPECT_TRUE(same_bits(a.epochs[i].train_loss, b.epochs[i].train_loss)) << what << ", epoch " << i;
    EXPECT_TRUE(same_bits(a.epochs[i].validation_accuracy, b.epochs[i].validation_accuracy)) << what << ", epoch " << i;
    EXPECT_TRUE(same_bits(a.epochs[i].test_loss, b.epochs[i].test_loss)) << what << ", epoch " << i;
  }
  EXPECT_EQ(a.end.best_epoch, b.end.best_epoch) << what;
  EXPECT_TRUE(same_bits(a.end.best_validation_accuracy, b.end.best_validation_accuracy)) << what;
  ASSERT_EQ(a.weights.size(), b.weights.size()) << what;
  for (const auto& [name, tensor] : a.weights)
    EXPECT_TRUE(tensor.equal(b.weights.at(name))) << what << ", " << name;
}

Config with_optimizer(const std::string& name) {
  Config config = small_config();
  config.optimizer.name = name;
  config.optimizer.lr = name == "sgd" || name == "momentum" || name == "nesterov" ? 0.1 : 0.01;
  config.schedule.name = "cosine";
  config.optimizer.entropy_l = 3;  // of the 6 batches of an epoch
  if (name == "lbfgs") {
    config.method.name = "backprop";
    config.optimizer.lr = 1;
    config.train.epochs = 5;
  }
  return config;
}

// Within an epoch, at the end of one (6 steps), twice.
const std::vector<int64_t> kStops = {4, 12, 13};

TEST(Resume, IsBitIdenticalToNotStopping) {
  const Dataset dataset = banded_dataset();
  for (const std::string name :
       {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "muon", "entropy_sgd"}) {
    const Config config = with_optimizer(name);
    expect_identical(run(config, dataset, {}), run(config, dataset, kStops), name);
  }
  const Config config = with_optimizer("lbfgs");
  expect_identical(run(config, dataset, {}), run(config, dataset, {2, 3}), "lbfgs");
}

TEST(Resume, IsBitIdenticalWithDropoutAndBatchNormAndConvolutions) {
  const Dataset dataset = banded_dataset();
  Config config = small_config();
  config.model.hidden.clear();
  config.model.layers = {"conv 4 3 padding=1", "batch_norm", "relu", "max_pool 2", "flatten",
                         "dropout 0.5",        "linear 10",  "tanh", "dropout 0.2"};
  for (const std::string method : {"backprop", "exact", "cg", "lab", "isaac", "kfac", "locoprop_s"}) {
    config.method.name = method;
    config.method.step_z = method == "lab" ? "implicit" : "explicit";
    for (const std::string dtype : {"float32", "float64"}) {
      config.train.dtype = dtype;
      expect_identical(run(config, dataset, {}), run(config, dataset, kStops), method + " " + dtype);
    }
  }
}

// One output and many rows of 129 columns, where an old factor is worth keeping.
Config config_for_kept_state() {
  Config config = small_config();
  config.model.hidden.clear();
  config.model.layers = {"conv 1 8 padding=4", "relu", "max_pool 3", "flatten", "linear 10", "tanh"};
  return config;
}

TEST(Resume, IsBitIdenticalWithMethodsThatTakeWholeSteps) {
  const Dataset dataset = banded_dataset();
  Config config = small_config();
  config.train.epochs = 5;
  config.optimizer = {};
  config.method.hf_curvature_batch = 30;
  for (const std::string method : {"hessian_free", "sfo", "mac", "admm"}) {
    config.method.name = method;
    for (const int64_t gradient_batch : {0, 40}) {
      config.method.hf_gradient_batch = gradient_batch;
      for (const std::string dtype : {"float32", "float64"}) {
        config.train.dtype = dtype;
        const auto what = method + " " + dtype + " " + std::to_string(gradient_batch);
        expect_identical(run(config, dataset, {}), run(config, dataset, {1, 3}), what);
      }
    }
  }
}

TEST(Resume, CheckpointsHoldWhatSolversKeep) {
  Config config = config_for_kept_state();
  for (const std::string method : {"amortized", "running_gram"}) {
    config.method.name = method;
    const TemporaryFolder folder;
    Recorder recorder;
    recorder.stop_after = 4;
    train(config, banded_dataset(96), options_for(recorder, folder.path()));
    const auto checkpoint = load_newest_checkpoint(folder.path(), {});
    ASSERT_TRUE(checkpoint);
    ASSERT_TRUE(checkpoint->solvers.contains("0.0")) << method;
    EXPECT_EQ(checkpoint->solvers.at("0.0").sizes(), at::IntArrayRef({1, 129, 129})) << method;
  }
}

TEST(Resume, IsBitIdenticalWithWhatSolversKeep) {
  const Dataset dataset = banded_dataset(96);
  Config config = config_for_kept_state();
  for (const std::string method : {"amortized", "running_gram"}) {
    config.method.name = method;
    for (const int64_t update_every : {1, 4}) {
      config.method.update_every = update_every;
      for (const std::string dtype : {"float32", "float64"}) {
        config.train.dtype = dtype;
        const auto what = method + " " + std::to_string(update_every) + " " + dtype;
        expect_identical(run(config, dataset, {}), run(config, dataset, kStops), what);
      }
    }
  }
}

// A fresh inverse, one that is older than its average, and, for kfac, each kind of labels.
TEST(Resume, IsBitIdenticalWithAveragesThatAreAheadOfTheirInverses) {
  const Dataset dataset = banded_dataset(96);
  Config config = config_for_kept_state();
  config.method.foof_s = config.method.foof_t = 3;
  config.method.kfac_t_inv = 3;
  config.optimizer.lr = 0.01;
  for (const std::string method : {"foof", "kfac"}) {
    config.method.name = method;
    for (const std::string dtype : {"float32", "float64"}) {
      config.train.dtype = dtype;
      config.method.kfac_fisher = dtype == "float32" ? "sampled" : "empirical";
      expect_identical(run(config, dataset, {}), run(config, dataset, kStops), method + " " + dtype);
    }
  }
}

TEST(Resume, RefusesWhatSolversOfAnotherModelKeep) {
  torch::nn::Sequential model(nn::Linear(3, 2));
  EXPECT_THROW(restore_solver_states(*model, {{"1.0", at::zeros({1, 4, 4}, at::kDouble)}}, at::kCPU), CheckpointError);
  EXPECT_THROW(restore_solver_states(*model, {{"0.0", at::zeros({4, 4}, at::kDouble)}}, at::kCPU), CheckpointError);
}

// A run that was planned by the rates of one machine goes on by them on another.
TEST(Resume, KeepsTheRatesThatItsRoutesWerePlannedBy) {
  const Rates elsewhere{{3e-12, 5e-12, 7e-12, 1e-6, 1e-10, 4e-12, 4e-12, 6e-12, 9e-12, 2e-11}, true};
  const Dataset dataset = banded_dataset();
  Config config = small_config();
  config.train.calibrate = true;
  const TemporaryFolder folder, cache;
  const ScopedCache scope(cache.path());
  Recorder first;
  first.stop_after = 4;
  train(config, dataset, options_for(first, folder.path()));
  auto checkpoint = load_newest_checkpoint(folder.path(), {});
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(named_rates(checkpoint->rates), first.starts.front().rates);
  EXPECT_TRUE(checkpoint->rates.measured);
  checkpoint->rates = elsewhere;
  save_checkpoint(folder.path(), *checkpoint);
  Recorder second;
  train(config, dataset, options_for(second, folder.path(), true));
  EXPECT_EQ(second.starts.front().rates, named_rates(elsewhere));
  EXPECT_EQ(rates_in_use(), Rates{});
}

TEST(Resume, GoesOnFromAFractionOfAnEpochAfterACrash) {
  const Dataset dataset = banded_dataset();
  Config config = small_config();
  config.train.save_every = 0.34;  // every second step
  config.train.keep = 100;
  const Trace expected = run(config, dataset, {});

  const TemporaryFolder folder;
  struct Crash {};
  struct CrashingObserver : Observer {
    void on_step(const StepEvent& step) override {
      if (step.step == 9)
        throw Crash();
    }
  } crashing;
  TrainerOptions options;
  options.checkpoints = folder.path();
  options.observers = {&crashing};
  EXPECT_THROW(train(config, dataset, options), Crash);

  Recorder recorder;
  train(config, dataset, options_for(recorder, folder.path(), true));
  EXPECT_EQ(recorder.starts[0].first_step, 8);
  EXPECT_TRUE(recorder.starts[0].resumed);
  EXPECT_EQ(recorder.steps.front().step, 9);
  EXPECT_TRUE(same_bits(recorder.steps.back().loss, expected.steps.back().loss));
  EXPECT_TRUE(same_bits(recorder.epochs.back().train_loss, expected.epochs.back().train_loss));
}

TEST(Resume, SkipsATornCheckpointAndStillEndsTheSame) {
  const Dataset dataset = banded_dataset();
  const Config config = small_config();
  const Trace expected = run(config, dataset, {});
  const TemporaryFolder folder;
  Recorder first;
  first.stop_after = 15;
  train(config, dataset, options_for(first, folder.path()));
  fs::resize_file(folder.path() / "step-00000015.safetensors", 1000);
  Recorder second;
  TrainerOptions options = options_for(second, folder.path(), true);
  std::vector<std::string> warnings;
  options.warn = [&](const std::string& line) { warnings.push_back(line); };
  train(config, dataset, options);
  EXPECT_EQ(warnings.size(), 1u);
  EXPECT_EQ(second.starts[0].first_step, 12);
  EXPECT_TRUE(same_bits(second.epochs.back().train_loss, expected.epochs.back().train_loss));
}

TEST(Resume, OfAFinishedRunWithMoreEpochsGoesOn) {
  const Dataset dataset = banded_dataset();
  Config longer = small_config();
  longer.train.epochs = 5;
  const Trace expected = run(longer, dataset, {});
  const TemporaryFolder folder;
  Recorder first, second;
  train(small_config(), dataset, options_for(first, folder.path()));
  train(longer, dataset, options_for(second, folder.path(), true));
  EXPECT_EQ(second.epochs.size(), 2u);
  EXPECT_TRUE(same_bits(second.epochs.back().train_loss, expected.epochs.back().train_loss));
}

TEST(Resume, RefusesOtherEpochsWhereTheScheduleDependsOnThem) {
  const Dataset dataset = banded_dataset();
  for (const std::string schedule : {"cosine", "constant"}) {
    const TemporaryFolder folder;
    Recorder recorder;
    Config config = small_config();
    config.schedule.name = schedule;
    config.schedule.warmup_epochs = schedule == "cosine" ? 0 : 4;  // more than there are epochs
    train(config, dataset, options_for(recorder, folder.path()));
    EXPECT_NO_THROW(train(config, dataset, options_for(recorder, folder.path(), true)));
    config.train.epochs = 5;
    const std::string message =
        message_of<ConfigError>([&] { train(config, dataset, options_for(recorder, folder.path(), true)); });
    EXPECT_NE(message.find("train.epochs was 3 in the checkpoint and is 5 now"), std::string::npos) << message;
    EXPECT_NE(message.find(schedule), std::string::npos) << message;
  }
}

TEST(Resume, RefusesAnotherRunsCheckpoint) {
  const Dataset dataset = banded_dataset();
  const TemporaryFolder folder;
  Recorder recorder;
  Config config = small_config();
  train(config, dataset, options_for(recorder, folder.path()));
  config.optimizer.lr = 0.2;
  EXPECT_EQ(
      message_of<ConfigError>([&] { train(config, dataset, options_for(recorder, folder.path(), true)); }),
      "cannot resume: optimizer.lr was 0.1 in the checkpoint and is 0.2 now");
  EXPECT_THROW(train(small_config(), banded_dataset(80), options_for(recorder, folder.path(), true)), ConfigError);
}

TEST(Resume, RefusesAnotherNormalization) {
  const TemporaryFolder folder;
  Recorder recorder;
  Config config = small_config();
  config.data.normalization = "center";
  train(config, banded_dataset(), options_for(recorder, folder.path()));
  config.data.normalization = "standardize";
  const std::string message =
      message_of<ConfigError>([&] { train(config, banded_dataset(), options_for(recorder, folder.path(), true)); });
  EXPECT_NE(message.find("data.normalization"), std::string::npos) << message;
}

TEST(Resume, WithoutItAFolderWithCheckpointsIsRefused) {
  const TemporaryFolder folder;
  Recorder recorder;
  train(small_config(), banded_dataset(), options_for(recorder, folder.path()));
  EXPECT_THROW(train(small_config(), banded_dataset(), options_for(recorder, folder.path())), ConfigError);
}

}  // namespace
}  // namespace proxprop::train
