#include "support.h"
#include "train/checkpoint.h"
#include "train/errors.h"
#include "train/nonfinite_guard.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <limits>

namespace proxprop::train {
namespace {

// One step that is so long that the second overflows.
Config overflowing_config(const std::string& policy) {
  Config config = small_config();
  config.method.name = "backprop";
  config.optimizer.lr = 1e30;
  config.train.on_nonfinite = policy;
  return config;
}

TEST(OnNonfinite, StopSaysWhichLayerAndStepAndKeepsTheLastCheckpoint) {
  Config config = overflowing_config("stop");
  config.train.save_every = 0.01;  // every step
  const TemporaryFolder folder;
  Recorder recorder;
  const std::string message =
      message_of<DivergedError>([&] { train(config, banded_dataset(), options_for(recorder, folder.path())); });
  EXPECT_NE(message.find("at step 2, layer "), std::string::npos) << message;
  EXPECT_NE(message.find("is the first whose output is not finite"), std::string::npos) << message;
  EXPECT_EQ(recorder.ends.at(0).status, "diverged");
  const auto checkpoint = load_newest_checkpoint(folder.path(), {});
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(checkpoint->step, 1);
}

TEST(OnNonfinite, TwentyStepsInARowEndTraining) {
  Config config = overflowing_config("skip");
  config.train.epochs = 10;
  Recorder recorder;
  TrainerOptions options = options_for(recorder);
  std::vector<std::string> warnings;
  options.warn = [&](const std::string& line) { warnings.push_back(line); };
  const std::string message = message_of<DivergedError>([&] { train(config, banded_dataset(), options); });
  EXPECT_NE(message.find("the 20th step in a row"), std::string::npos) << message;
  ASSERT_EQ(warnings.size(), 19u);
  EXPECT_NE(warnings[0].find("the step is skipped"), std::string::npos) << warnings[0];
  for (const StepEvent& step : recorder.steps)
    EXPECT_EQ(step.lr, std::isfinite(step.loss) ? 1e30 : 0.0);
}

TEST(OnNonfinite, ReduceHalvesTheLearningRateEachTime) {
  torch::nn::Sequential model{torch::nn::Linear(2, 1)};
  NonfiniteGuard guard(model, NonfinitePolicy::reduce, false);
  for (int64_t step = 1; step <= 3; ++step) {
    guard.before_forward();
    guard.refuse(at::scalar_tensor(std::nan("")), at::ones({1, 2}), step);
  }
  EXPECT_EQ(guard.state().lr_factor, 0.125);
  EXPECT_EQ(guard.state().refused_in_a_row, 3);
  guard.taken();
  EXPECT_EQ(guard.state().lr_factor, 0.125);
  EXPECT_EQ(guard.state().refused_in_a_row, 0);
}

TEST(OnNonfinite, ParametersThatAreLostEndTrainingWhateverThePolicy) {
  torch::nn::Sequential model{torch::nn::Linear(2, 2), torch::nn::Linear(2, 2)};
  {
    const torch::NoGradGuard no_grad;
    model->parameters()[2].fill_(std::numeric_limits<double>::infinity());
  }
  NonfiniteGuard guard(model, NonfinitePolicy::skip, false);
  const std::string message = message_of<DivergedError>([&] {
    guard.refuse(at::scalar_tensor(std::nan("")), at::ones({1, 2}), 5);
  });
  EXPECT_NE(message.find("1.weight was not finite before step 5"), std::string::npos) << message;
}

TEST(OnNonfinite, ASkippedBatchLeavesNoTraceInBatchNormsAverages) {
  torch::nn::Sequential model{torch::nn::BatchNorm1d(3), torch::nn::Linear(3, 2)};
  NonfiniteGuard guard(model, NonfinitePolicy::skip, false);
  model->forward(at::randn({4, 3}));
  std::vector<at::Tensor> before;
  for (const at::Tensor& buffer : model->buffers())
    before.push_back(buffer.clone());
  at::Tensor input = at::randn({4, 3});
  input[0][1] = std::nan("");
  guard.before_forward();
  const at::Tensor loss = model->forward(input).sum();
  EXPECT_FALSE(guard.finite(loss));
  const std::string sentence = guard.refuse(loss, input, 1);
  EXPECT_NE(sentence.find("the batch holds numbers that are not finite"), std::string::npos) << sentence;
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(model->buffers()[i].equal(before[i]));
}

TEST(OnNonfinite, AFiniteLossWithANonFiniteDirectionIsSeen) {
  torch::nn::Sequential model{torch::nn::Linear(2, 1)};
  NonfiniteGuard guard(model, NonfinitePolicy::skip, false);
  const at::Tensor input = at::ones({1, 2});
  const at::Tensor loss = model->forward(input).sum();
  loss.backward();
  EXPECT_TRUE(guard.finite(loss));
  model->parameters()[1].mutable_grad().fill_(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(guard.finite(loss));
  guard.before_forward();
  EXPECT_NE(guard.refuse(loss, input, 1).find("the direction of 0.bias is not finite"), std::string::npos);
}

TEST(OnNonfinite, OtherNamesAndLbfgsAreRefused) {
  EXPECT_NE(message_of<ConfigError>([] { nonfinite_policy("ignore"); }).find("got 'ignore'"), std::string::npos);
  Config config = overflowing_config("skip");
  config.optimizer.name = "lbfgs";
  config.train.batch_size = 90;
  Recorder recorder;
  const std::string message = message_of<ConfigError>([&] { train(config, banded_dataset(), options_for(recorder)); });
  EXPECT_NE(message.find("train.on_nonfinite"), std::string::npos) << message;
}

}  // namespace
}  // namespace proxprop::train
