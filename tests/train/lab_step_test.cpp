// Training by the lab's step rules: what equals the other methods, every combination, and the record of energies.

#include "support.h"
#include "train/errors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace proxprop::train {
namespace {

Config lab_config() {
  Config config = small_config();
  config.method.name = "lab";
  config.train.dtype = "float64";
  return config;
}

Config small_convnet(Config config) {
  config.model.hidden.clear();
  config.model.layers = {"conv 4 3 padding=1", "batch_norm", "relu",   "max_pool 2", "conv 3 3 padding=1", "tanh",
                         "avg_pool 2",         "batch_norm", "flatten"};
  return config;
}

std::vector<double> losses(const Config& config) {
  Recorder recorder;
  train(config, banded_dataset(), options_for(recorder));
  std::vector<double> values;
  for (const StepEvent& step : recorder.steps)
    values.push_back(step.loss);
  values.push_back(recorder.epochs.back().test_loss);
  return values;
}

void expect_same_losses(const Config& one, const Config& other, const std::string& what) {
  const std::vector<double> a = losses(one), b = losses(other);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-9 * std::abs(a[i])) << what << ", step " << i + 1;
}

TEST(LabTraining, ByDefaultIsTheExactMethod) {
  for (const bool conv : {false, true}) {
    for (const std::string optimizer : {"sgd", "nesterov", "adam"}) {
      Config lab = conv ? small_convnet(lab_config()) : lab_config();
      lab.optimizer.name = optimizer;
      lab.optimizer.lr = optimizer == "adam" ? 0.01 : 0.1;
      lab.schedule.name = "cosine";
      Config exact = lab;
      exact.method.name = "exact";
      expect_same_losses(lab, exact, optimizer);
    }
  }
}

TEST(LabTraining, WithConjugateGradientsIsTheMethodCg) {
  Config lab = small_convnet(lab_config());
  lab.method.step_theta = "cg";
  lab.method.cg_iterations = 2;
  Config cg = small_convnet(lab_config());
  cg.method.name = "cg";
  cg.method.cg_iterations = 2;
  expect_same_losses(lab, cg, "cg2");
}

TEST(LabTraining, WithExplicitStepsIsBackpropagation) {
  for (const bool conv : {false, true}) {
    Config lab = conv ? small_convnet(lab_config()) : lab_config();
    lab.method.step_theta = "explicit";
    Config backprop = lab;
    backprop.method = {};
    backprop.method.name = "backprop";
    expect_same_losses(lab, backprop, conv ? "convolutions" : "mlp");
  }
}

TEST(LabTraining, EveryCombinationOfRulesTrains) {
  Config config = small_convnet(lab_config());
  config.train.epochs = 2;
  config.train.dtype = "float32";
  config.optimizer.name = "adam";
  config.optimizer.lr = 0.02;
  config.method.tau_theta = 1;
  for (const std::string z : {"explicit", "implicit", "bregman"}) {
    for (const std::string a : {"explicit", "implicit"}) {
      for (const std::string last : {"explicit", "implicit", "moreau"}) {
        for (const std::string theta : {"explicit", "exact", "cg"}) {
          config.method.step_z = z;
          config.method.step_a = a;
          config.method.step_last = last;
          config.method.step_theta = theta;
          const std::vector<double> values = losses(config);
          EXPECT_LT(values.back(), values.front()) << z << " " << a << " " << last << " " << theta;
        }
      }
    }
  }
}

TEST(LabTraining, PenaltiesMayDifferFromLayerToLayer) {
  Config config = lab_config();
  const std::vector<double> uniform = losses(config);
  config.method.penalty_rho = {1.0, 1.0};
  EXPECT_EQ(losses(config), uniform);
  config.method.penalty_rho = {1.0, 0.5};
  config.method.penalty_gamma = {3.0, 1.0};
  EXPECT_NE(losses(config), uniform);
}

TEST(LabTraining, EnergiesAreToldOnRequest) {
  Config config = lab_config();
  Recorder silent;
  train(config, banded_dataset(), options_for(silent));
  EXPECT_TRUE(silent.energies.empty());
  config.train.record_energies = 5;
  Recorder recorder;
  train(config, banded_dataset(), options_for(recorder));
  // 18 steps, of which 1, 6, 11 and 16 are recorded; two hidden layers: last, a, z, theta, a, z, theta
  ASSERT_EQ(recorder.energies.size(), 4u * 7);
  std::string order;
  for (size_t i = 0; i < 7; ++i)
    order += recorder.energies[i].block + std::to_string(recorder.energies[i].layer) + " ";
  EXPECT_EQ(order, "last3 a3 z2 theta2 a2 z1 theta1 ");
  for (size_t i = 0; i < recorder.energies.size(); ++i) {
    const EnergyEvent& event = recorder.energies[i];
    const int64_t step = 1 + 5 * static_cast<int64_t>(i / 7);
    EXPECT_EQ(event.step, step);
    EXPECT_EQ(event.epoch, recorder.steps[step - 1].epoch);
    if (event.block == "last") {
      EXPECT_NEAR(event.before, recorder.steps[step - 1].loss, 1e-12);
    }
    if (event.block == "theta") {
      EXPECT_LT(event.after, event.before);  // a proximal step
    }
  }
  for (size_t i = 0; i < silent.steps.size(); ++i)
    EXPECT_EQ(silent.steps[i].loss, recorder.steps[i].loss);
}

std::string complaint(const Config& config) {
  Recorder recorder;
  return message_of<ConfigError>([&] { train(config, banded_dataset(), options_for(recorder)); });
}

TEST(LabTraining, RefusesWhatItCannotDoAndSaysWhy) {
  Config config = lab_config();
  config.method.step_z = "sideways";
  EXPECT_EQ(complaint(config), "method.step_z must be explicit, implicit or bregman, got 'sideways'");
  config = lab_config();
  config.method.step_last = "sideways";
  EXPECT_EQ(complaint(config), "method.step_last must be explicit, implicit or moreau, got 'sideways'");
  config = lab_config();
  config.method.penalty_gamma = {1e300};
  config.optimizer.lr = 1e-10;
  EXPECT_EQ(
      complaint(config), "method.penalty_gamma = 1e+300 over the learning rate 1e-10 is not a positive, finite number");
  config = lab_config();
  config.method.penalty_gamma = {1, 2, 3};
  EXPECT_EQ(complaint(config), "method.penalty_gamma needs one number, or one for each of the 2 hidden layers, got 3");
  config = lab_config();
  config.method.name = "exact";
  config.method.step_z = "implicit";
  EXPECT_EQ(complaint(config), "method.step_z belongs to method.name = lab, and method.name is exact");
  config = small_config();
  config.train.record_energies = 1;
  EXPECT_EQ(complaint(config), "train.record_energies belongs to method.name = lab, and method.name is exact");
  config = lab_config();
  config.train.record_energies = 1;
  config.model.hidden.clear();
  config.model.layers = {"flatten", "linear 9", "dropout 0.5", "relu"};
  EXPECT_NE(complaint(config).find("without dropout"), std::string::npos);
  config = lab_config();
  config.model.hidden.clear();
  config.model.layers = {"flatten", "linear 9", "tanh", "relu"};
  EXPECT_NE(complaint(config).find("second activation"), std::string::npos);
  config = lab_config();
  config.optimizer.name = "lbfgs";
  config.train.batch_size = 90;
  EXPECT_NE(complaint(config).find("lbfgs"), std::string::npos);
}

}  // namespace
}  // namespace proxprop::train
