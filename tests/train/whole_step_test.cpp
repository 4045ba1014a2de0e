// Methods that take whole steps in the place of backpropagation and an optimizer, and the count of evaluations.

#include "support.h"
#include "train/errors.h"
#include "train/whole_step.h"

#include <gtest/gtest.h>

#include <memory>

namespace proxprop::train {
namespace {

const std::vector<std::string> kMethods = {"hessian_free", "sfo", "mac", "admm"};

Config whole_config(const std::string& method) {
  Config config = small_config();
  config.method.name = method;
  config.optimizer = {};
  config.train.dtype = "float64";
  config.train.epochs = 12;
  return config;
}

Recorder& trained(Recorder& recorder, const Config& config, int64_t records = 90) {
  train(config, banded_dataset(records), options_for(recorder));
  return recorder;
}

TEST(WholeStep, MethodsOverAllRecordsTrainByOneStepPerEpoch) {
  for (const std::string method : {"hessian_free", "mac"}) {
    for (const std::string dtype : {"float32", "float64"}) {
      Config config = whole_config(method);
      config.train.dtype = dtype;
      Recorder recorder;
      trained(recorder, config);
      ASSERT_EQ(recorder.steps.size(), 12u) << method;
      EXPECT_EQ(recorder.starts.front().batches_per_epoch, 1) << method;
      EXPECT_GT(recorder.epochs.back().train_accuracy, 0.95) << method << " " << dtype;
      EXPECT_GT(recorder.epochs.back().test_accuracy, 0.8) << method << " " << dtype;
    }
  }
}

double admm_accuracy(const std::string& start, const std::string& loss, uint64_t seed) {
  Config config = whole_config("admm");
  config.data.normalization = "standardize";
  config.model.hidden = {40};
  config.method.admm_start = start;
  config.method.admm_loss = loss;
  config.train.epochs = 40;
  config.train.seed = seed;
  Recorder recorder;
  trained(recorder, config);
  EXPECT_EQ(recorder.steps.size(), 40u);
  return recorder.epochs.back().train_accuracy;
}

// Where an independent implementation of the paper's formulas does, whatever the seed (docs/relatives-batch.md).
TEST(WholeStep, AdmmFitsFromTheForwardStart) {
  for (const std::string loss : {"cross_entropy", "hinge", "squared"}) {
    for (const uint64_t seed : {1, 2, 3})
      EXPECT_GT(admm_accuracy("forward", loss, seed), 0.95) << loss << " " << seed;
  }
}

TEST(WholeStep, AdmmFitsFromThePapersStartByThePapersLoss) {
  for (const uint64_t seed : {1, 2, 3})
    EXPECT_GT(admm_accuracy("random", "hinge", seed), 0.95) << seed;
}

TEST(WholeStep, AdmmFitsManyRecordsWithWideLayersFromThePapersStart) {
  Config config = whole_config("admm");
  config.method.admm_loss = "hinge";
  config.method.admm_start = "random";
  config.model.hidden = {100, 50};
  config.train.epochs = 40;
  Recorder recorder;
  trained(recorder, config, 1000);
  EXPECT_GT(recorder.epochs.back().train_accuracy, 0.9);
  EXPECT_GT(recorder.epochs.back().test_accuracy, 0.75);
}

TEST(WholeStep, HessianFreeDecreasesTheLossInEveryStep) {
  for (const int64_t curvature_batch : {0, 30}) {
    for (const double alpha : {0.0, 0.75}) {
      Config config = whole_config("hessian_free");
      config.method.hf_curvature_batch = curvature_batch;
      config.method.hf_alpha = alpha;
      Recorder recorder;
      trained(recorder, config);
      for (size_t i = 1; i < recorder.steps.size(); ++i)
        EXPECT_LT(recorder.steps[i].loss, recorder.steps[i - 1].loss) << i;
    }
  }
}

TEST(WholeStep, HessianFreeDoesNotDependOnThePassesThatItsSumsAreMadeIn) {
  std::vector<double> losses;
  for (const int64_t batch_size : {90, 16}) {
    Config config = whole_config("hessian_free");
    config.train.batch_size = batch_size;
    config.train.epochs = 3;
    Recorder recorder;
    losses.push_back(trained(recorder, config).steps.back().loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 1e-6 * losses[0]);
}

TEST(WholeStep, HessianFreeTakesGradientBatchesOfItsOwnSize) {
  Config config = whole_config("hessian_free");
  config.method.hf_gradient_batch = 45;
  Recorder recorder;
  trained(recorder, config);
  EXPECT_EQ(recorder.starts.front().batches_per_epoch, 2);
  EXPECT_LT(recorder.epochs.back().train_loss, recorder.epochs.front().train_loss);
}

TEST(WholeStep, SfoTrainsByBatchesThatStayTheSame) {
  for (const std::string dtype : {"float32", "float64"}) {
    Config config = whole_config("sfo");
    config.train.dtype = dtype;
    config.train.epochs = 20;
    Recorder recorder;
    trained(recorder, config);
    EXPECT_EQ(recorder.steps.size(), 20u * 6);
    EXPECT_GT(recorder.epochs.back().train_accuracy, 0.95) << dtype;
  }
}

TEST(WholeStep, GradientStepsAreOneEvaluationPerEpoch) {
  for (const std::string method : {"backprop", "exact", "lab"}) {
    Config config = small_config();
    config.method.name = method;
    Recorder recorder;
    trained(recorder, config);
    for (const EpochEvent& epoch : recorder.epochs)
      EXPECT_NEAR(epoch.evaluations, static_cast<double>(epoch.epoch), 1e-12) << method;
    EXPECT_NEAR(recorder.steps.front().evaluations, 16.0 / 90, 1e-15);
  }
}

TEST(WholeStep, EvaluationsAreCountedAsDocumented) {
  Recorder admm;
  trained(admm, whole_config("admm"));
  EXPECT_NEAR(admm.epochs.back().evaluations, 12 * 2, 1e-12);  // six products per layer in an iteration

  Config config = whole_config("hessian_free");
  config.method.hf_alpha = 0;
  config.method.hf_cg_iterations = 1;
  config.method.hf_lambda = 1e6;  // a short step down the gradient: nothing to search
  Recorder recorder;
  trained(recorder, config);
  // The gradient, one value, and as many records' first pass back, with two products: the start's and the iteration's.
  EXPECT_NEAR(recorder.steps.front().evaluations, 1 + 1.0 / 3 + 1 + 2 * 4.0 / 3, 1e-12);
  config.method.hf_alpha = 0.75;
  Recorder preconditioned;
  trained(preconditioned, config);
  EXPECT_NEAR(preconditioned.steps.front().evaluations, 1 + 1.0 / 3 + 1 + 2 * 4.0 / 3 + 1, 1e-12);
}

std::string complaint(const Config& config, TrainerOptions options = {}) {
  return message_of<ConfigError>([&] { train(config, banded_dataset(), options); });
}

void expect_complaint(const Config& config, const std::string& about) {
  EXPECT_NE(complaint(config).find(about), std::string::npos) << complaint(config);
}

TEST(WholeStep, SettingsOfOptimizersAreRefused) {
  for (const std::string& method : kMethods) {
    Config config = whole_config(method);
    config.schedule.name = "cosine";
    expect_complaint(config, "the schedule has no part in method.name = " + method);
    config = whole_config(method);
    config.optimizer.weight_decay = 0.1;
    expect_complaint(config, "optimizer.weight_decay has no part");
    config = whole_config(method);
    config.train.on_nonfinite = "skip";
    expect_complaint(config, "train.on_nonfinite has no part");
  }
}

TEST(WholeStep, ModelsThatAMethodCannotTrainAreRefused) {
  Config config = whole_config("hessian_free");
  config.model.hidden.clear();
  config.model.layers = {"flatten", "linear 9", "dropout 0.5", "relu"};
  expect_complaint(config, "without dropout");
  config.model.layers = {"flatten", "linear 9", "batch_norm", "relu"};
  expect_complaint(config, "without batch_norm");
  for (const std::string method : {"mac", "admm"}) {
    config.method.name = method;
    config.model.layers = {"conv 3 3", "relu", "flatten"};
    expect_complaint(config, "method.name = " + method + ": ");
    config.model.layers = {"flatten", "linear 9", "dropout 0.5", "relu"};
    expect_complaint(config, "only an activation may stand between two layers");
  }
}

TEST(WholeStep, NumbersOutOfRangeAreRefused) {
  Config config = whole_config("hessian_free");
  config.method.hf_zeta = 1.5;
  expect_complaint(config, "method.hf_zeta must be at most 1, got 1.5");
  config.method.hf_zeta = 1;
  config.method.hf_alpha = 1.5;
  expect_complaint(config, "method.hf_alpha must be at most 1, got 1.5");
  config = whole_config("mac");
  config.method.mac_growth = 0.5;
  expect_complaint(config, "method.mac_growth must be at least 1, got 0.5");
  config = whole_config("admm");
  config.method.admm_loss = "absolute";
  expect_complaint(config, "method.admm_loss must be cross_entropy, hinge or squared, got 'absolute'");
  config = whole_config("admm");
  config.method.admm_start = "zero";
  expect_complaint(config, "method.admm_start must be forward or random, got 'zero'");
}

// The first of two ranks, before they meet.
class OneOfTwo final : public Communicator {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 2; }

 protected:
  Await do_all_reduce(at::Tensor) override { return begun(); }
  Await do_reduce(at::Tensor, int64_t) override { return begun(); }
  Await do_broadcast(at::Tensor, int64_t) override { return begun(); }
  Await do_all_gather(at::Tensor, at::Tensor) override { return begun(); }

 private:
  static Await begun() {
    ADD_FAILURE() << "the run has begun";
    return [] {};
  }
};

TEST(WholeStep, ManyRanksAreRefused) {
  for (const std::string& method : kMethods) {
    TrainerOptions options;
    options.communicator = std::make_shared<OneOfTwo>();
    EXPECT_EQ(
        complaint(whole_config(method), options), "method.name = " + method + " trains on one rank alone; there are 2");
  }
}

TEST(WholeStep, TheStateOfAnotherMethodIsRefused) {
  torch::nn::Sequential model(torch::nn::Flatten(), torch::nn::Linear(4, 3));
  model->to(torch::kDouble);
  for (const std::string& method : kMethods) {
    const auto step = make_whole_step(whole_config(method), model, 90);
    EXPECT_THROW(step->restore({{"momentum", at::ones({2})}}), CheckpointError) << method;
    EXPECT_NO_THROW(step->restore(step->state())) << method;
  }
}

}  // namespace
}  // namespace proxprop::train
