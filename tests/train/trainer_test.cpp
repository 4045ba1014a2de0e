#include "support.h"
#include "train/checkpoint.h"
#include "train/errors.h"
#include "train/execution.h"
#include "train/peak_memory.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <fstream>
#include <set>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

TEST(Trainer, TellsEveryStepAndEveryEpochInOrder) {
  Recorder recorder;
  const RunEnd end = train(small_config(), banded_dataset(), options_for(recorder));
  ASSERT_EQ(recorder.starts.size(), 1u);
  EXPECT_EQ(recorder.starts[0].batches_per_epoch, 6);
  EXPECT_EQ(recorder.starts[0].parameters, 129 * 12 + 13 * 8 + 9 * 3);
  EXPECT_EQ(recorder.starts[0].plan.size(), 3u);
  ASSERT_EQ(recorder.steps.size(), 18u);
  for (size_t i = 0; i < recorder.steps.size(); ++i)
    EXPECT_EQ(recorder.steps[i].step, static_cast<int64_t>(i) + 1);
  ASSERT_EQ(recorder.epochs.size(), 4u);
  EXPECT_EQ(recorder.epochs[0].step, 0);
  EXPECT_EQ(recorder.epochs[0].seconds, 0);
  EXPECT_EQ(recorder.epochs[3].step, 18);
  EXPECT_EQ(end.status, "finished");
  EXPECT_EQ(end.epochs, 3);
  EXPECT_EQ(end.seconds, recorder.epochs[3].seconds);
  ASSERT_EQ(recorder.ends.size(), 1u);
}

TEST(Trainer, TheBestEpochIsTheFirstWithTheHighestValidationAccuracy) {
  Recorder recorder;
  const RunEnd end = train(small_config(), banded_dataset(), options_for(recorder));
  const auto best = std::max_element(recorder.epochs.begin(), recorder.epochs.end(), [](const auto& a, const auto& b) {
    return a.validation_accuracy < b.validation_accuracy;
  });
  EXPECT_EQ(end.best_epoch, best->epoch);
  EXPECT_EQ(end.best_validation_accuracy, best->validation_accuracy);
  EXPECT_EQ(end.test_accuracy_at_best, best->test_accuracy);
}

TEST(Trainer, WithoutAValidationSetTheLastEpochIsTheBest) {
  Dataset dataset = banded_dataset();
  dataset.validation = {};
  Recorder recorder;
  const RunEnd end = train(small_config(), dataset, options_for(recorder));
  EXPECT_EQ(end.best_epoch, 3);
  EXPECT_TRUE(std::isnan(end.best_validation_accuracy));
  EXPECT_TRUE(std::isnan(recorder.epochs[1].validation_loss));
}

TEST(Trainer, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  Recorder first, second, third;
  Config config = small_config();
  train(config, banded_dataset(), options_for(first));
  train(config, banded_dataset(), options_for(second));
  config.train.seed = 8;
  train(config, banded_dataset(), options_for(third));
  EXPECT_EQ(first.epochs.back().train_loss, second.epochs.back().train_loss);
  EXPECT_NE(first.epochs.back().train_loss, third.epochs.back().train_loss);
}

TEST(Trainer, NormalizationReachesTheNetworkInTrainingAndEvaluation) {
  Config config = small_config();
  config.model.layers = {"flatten"};  // then only the output layer is trained
  config.model.hidden.clear();
  config.method.name = "backprop";
  std::vector<double> losses;
  for (const std::string name : {"none", "center", "standardize"}) {
    config.data.normalization = name;
    Recorder recorder;
    train(config, banded_dataset(), options_for(recorder));
    for (const double loss : {recorder.steps[0].loss, recorder.epochs[0].train_loss, recorder.epochs[0].test_loss})
      losses.push_back(loss);
  }
  const std::set<double> different(losses.begin(), losses.end());
  EXPECT_EQ(different.size(), losses.size());
  config.data.normalization = "whiten";
  Recorder recorder;
  EXPECT_THROW(train(config, banded_dataset(), options_for(recorder)), DataError);
}

TEST(Trainer, AllMethodsStartFromTheSameLoss) {
  Config config = small_config();
  std::vector<double> losses;
  for (const std::string name : {"backprop", "exact", "cg"}) {
    config.method.name = name;
    Recorder recorder;
    train(config, banded_dataset(), options_for(recorder));
    losses.push_back(recorder.epochs[0].train_loss);
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-6);
  EXPECT_NEAR(losses[0], losses[2], 1e-6);
}

TEST(Trainer, RoomIsMadeForARunOnlyOnceItCanStart) {
  Recorder recorder;
  TrainerOptions options = options_for(recorder);
  int calls = 0;
  options.before_start = [&] {
    ++calls;
    EXPECT_TRUE(recorder.starts.empty());
  };
  for (const std::string key : {"momentum", "gamma", "hidden", "dtype"}) {
    Config config = small_config();
    if (key == "momentum")
      config.optimizer.momentum = 0;
    if (key == "gamma")
      config.schedule.gamma = 0;
    if (key == "hidden")
      config.model.hidden = {0};
    if (key == "dtype")
      config.train.dtype = "float16";
    EXPECT_THROW(train(config, banded_dataset(), options), ConfigError) << key;
  }
  EXPECT_EQ(calls, 0);
  train(small_config(), banded_dataset(), options);
  EXPECT_EQ(calls, 1);
}

TEST(Trainer, TheEndKnowsThePeakOfMemoryOfItsOwnTraining) {
  at::ones({50'000'000});  // 200 MB that were held and given back before
  const int64_t all = peak_resident_bytes();
  Recorder recorder;
  const RunEnd end = train(small_config(), banded_dataset(), options_for(recorder));
  EXPECT_GT(end.peak_resident_bytes, 10'000'000);
  if (std::ofstream("/proc/self/clear_refs").good()) {
    EXPECT_LT(end.peak_resident_bytes, all - 100'000'000);
  }
}

TEST(Trainer, StopsAtMaxSteps) {
  Config config = small_config();
  config.train.max_steps = 8;
  Recorder recorder;
  const RunEnd end = train(config, banded_dataset(), options_for(recorder));
  EXPECT_EQ(end.status, "finished");
  EXPECT_EQ(end.steps, 8);
  EXPECT_EQ(end.epochs, 1);
}

TEST(Trainer, WhereMaxStepsEndsInsideAnEpochIsEvaluatedOnce) {
  const TemporaryFolder folder;
  Config config = small_config();
  config.train.max_steps = 8;
  Recorder first, again, further;
  train(config, banded_dataset(), options_for(first, folder.path()));
  ASSERT_EQ(first.epochs.size(), 3u);
  EXPECT_EQ(first.epochs[2].step, 8);
  EXPECT_EQ(first.epochs[2].epoch, 1);
  EXPECT_NE(first.epochs[2].train_loss, first.epochs[1].train_loss);
  train(config, banded_dataset(), options_for(again, folder.path(), true));
  EXPECT_TRUE(again.epochs.empty());
  config.train.max_steps = 12;
  train(config, banded_dataset(), options_for(further, folder.path(), true));
  ASSERT_EQ(further.epochs.size(), 1u);
  EXPECT_EQ(further.epochs[0].step, 12);
}

TEST(Trainer, StopsAndSavesOnRequest) {
  const TemporaryFolder folder;
  Recorder recorder;
  recorder.stop_after = 8;
  const RunEnd end = train(small_config(), banded_dataset(), options_for(recorder, folder.path()));
  EXPECT_EQ(end.status, "interrupted");
  EXPECT_EQ(end.steps, 8);
  EXPECT_EQ(recorder.ends.size(), 1u);
  EXPECT_EQ(load_newest_checkpoint(folder.path(), {})->step, 8);
  EXPECT_FALSE(fs::exists(folder.path() / "model.safetensors"));
}

TEST(Trainer, AStopBeforeAnEpochsEvaluationLeavesItToTheResumedRun) {
  const TemporaryFolder folder;
  Recorder first, second;
  first.stop_after = 6;
  train(small_config(), banded_dataset(), options_for(first, folder.path()));
  EXPECT_EQ(first.epochs.size(), 1u);
  EXPECT_EQ(load_newest_checkpoint(folder.path(), {})->evaluated_epoch, 0);
  train(small_config(), banded_dataset(), options_for(second, folder.path(), true));
  EXPECT_EQ(second.epochs.front().epoch, 1);
  EXPECT_EQ(second.epochs.front().step, 6);
}

TEST(Trainer, KeepsTheNewestCheckpointsAndTheBest) {
  const TemporaryFolder folder;
  Config config = small_config();
  config.train.epochs = 6;
  config.train.keep = 1;
  Recorder recorder;
  const RunEnd end = train(config, banded_dataset(), options_for(recorder, folder.path()));
  const int64_t best_step = end.best_epoch * 6;
  for (int64_t epoch = 1; epoch <= 6; ++epoch) {
    const std::string digits = std::to_string(100000000 + epoch * 6).substr(1);
    EXPECT_EQ(fs::exists(folder.path() / ("step-" + digits + ".safetensors")), epoch == 6 || epoch * 6 == best_step)
        << epoch;
  }
  EXPECT_TRUE(fs::exists(folder.path() / "model.safetensors"));
}

TEST(Trainer, NamesTheStepWhenTheLossIsNotFinite) {
  Config config = small_config();
  config.method.name = "backprop";
  config.optimizer.lr = 1e30;
  const TemporaryFolder folder;
  Recorder recorder;
  const std::string message =
      message_of<DivergedError>([&] { train(config, banded_dataset(), options_for(recorder, folder.path())); });
  EXPECT_NE(message.find(" at step "), std::string::npos) << message;
  EXPECT_TRUE(message.find("nan") != std::string::npos || message.find("inf") != std::string::npos) << message;
  ASSERT_EQ(recorder.ends.size(), 1u);
  EXPECT_EQ(recorder.ends[0].status, "diverged");
  for (const StepEvent& step : recorder.steps)
    EXPECT_TRUE(std::isfinite(step.loss));
  EXPECT_FALSE(has_checkpoints(folder.path()));
}

TEST(Trainer, ImpossibleConfigurationsAreRefusedBeforeAnythingRuns) {
  const auto complaint = [](auto&& change) {
    Config config = small_config();
    change(config);
    Recorder recorder;
    std::string message = message_of<ConfigError>([&] { train(config, banded_dataset(), options_for(recorder)); });
    EXPECT_TRUE(recorder.starts.empty());
    return message;
  };
  EXPECT_NE(complaint([](Config& config) { config.train.batch_size = 0; }).find("train.batch_size"), std::string::npos);
  EXPECT_NE(complaint([](Config& config) { config.train.device = "gpu"; }).find("got 'gpu'"), std::string::npos);
  EXPECT_NE(
      complaint([](Config& config) { config.train.device = "cuda:x"; }).find("cuda:x is not a device"),
      std::string::npos);
  EXPECT_NE(complaint([](Config& config) { config.train.dtype = "float16"; }).find("got 'float16'"), std::string::npos);
  EXPECT_NE(
      complaint([](Config& config) { config.train.save_every = -1; }).find("train.save_every"), std::string::npos);
  EXPECT_NE(complaint([](Config& config) { config.schedule.name = "sine"; }).find("got 'sine'"), std::string::npos);
  EXPECT_NE(
      complaint([](Config& config) {
        config.model.hidden.clear();
        config.model.layers = {"flatten", "linear 4", "batch_norm"};
        config.train.batch_size = 89;
      }).find("batch of one record"),
      std::string::npos);
}

TEST(Trainer, ThreadsAndDeterminismAreAsBeforeAfterTheRun) {
  const int threads = at::get_num_threads();
  Config config = small_config();
  config.train.epochs = 0;
  config.train.threads = threads + 1;
  config.train.deterministic = true;
  Recorder recorder;
  train(config, banded_dataset(), options_for(recorder));
  EXPECT_EQ(at::get_num_threads(), threads);
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
  EXPECT_EQ(recorder.epochs.size(), 1u);
}

TEST(Trainer, DeterminismRefusesWhatHasNoDeterministicKernel) {
  TrainConfig config;
  config.deterministic = true;
  at::Tensor tensor = at::zeros({4});
  const auto without_a_fixed_order = [&] { tensor.put_(at::zeros({2}, at::kLong), at::ones({2})); };
  EXPECT_NO_THROW(without_a_fixed_order());
  const ExecutionScope scope(config);
  EXPECT_THROW(without_a_fixed_order(), c10::Error);
}

// The paper's figure 2, small: its step sizes, its optimizer, digits in place of CIFAR-10.
TEST(Trainer, ProximalBeatsBackpropOnTheEmbeddedDigits) {
  const Dataset digits = load_dataset("mnist-5k", {}, 1500, 500);
  Config config;
  config.model.hidden = {100, 50, 100};
  config.train.batch_size = 100;
  config.train.epochs = 4;
  config.train.threads = 1;
  const auto final_loss = [&](const std::string& method, double lr) {
    config.method.name = method;
    config.optimizer.lr = lr;
    Recorder recorder;
    train(config, digits, options_for(recorder));
    return recorder.epochs.back().train_loss;
  };
  const double backprop = final_loss("backprop", 0.05);
  EXPECT_LT(final_loss("exact", 1.0), backprop);
  EXPECT_LT(final_loss("cg", 1.0), backprop);
}

}  // namespace
}  // namespace proxprop::train
