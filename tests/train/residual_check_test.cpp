#include "support.h"
#include "train/errors.h"
#include "train/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace proxprop::train {
namespace {

class ResidualRecorder : public Recorder {
 public:
  void on_residual(const ResidualEvent& event) override { residuals.push_back(event); }

  double largest() const {
    double largest = 0;
    for (const ResidualEvent& event : residuals)
      largest = std::max(largest, std::isfinite(event.residual) ? event.residual : INFINITY);
    return largest;
  }
  std::vector<ResidualEvent> residuals;
};

Config checked_config(const std::string& model = "mlp") {
  Config config = small_config();
  config.train.check_residuals = 1;
  if (model == "convolutions") {
    config.model.hidden.clear();
    config.model.layers = {"conv 4 3 padding=1",
                           "relu",
                           "max_pool 2",
                           "conv 4 3 stride=2 groups=2 bias=false",
                           "tanh",
                           "flatten",
                           "linear 6"};
  }
  return config;
}

double largest_residual(const Config& config) {
  ResidualRecorder recorder;
  train(config, banded_dataset(), options_for(recorder));
  EXPECT_FALSE(recorder.residuals.empty());
  return recorder.largest();
}

TEST(CheckResiduals, OfExactStepsTheyAreAtRoundingInBothPrecisions) {
  for (const std::string model : {"mlp", "convolutions"}) {
    for (const double tau_theta : {1e-12, 1e-3, 1.0}) {
      Config config = checked_config(model);
      config.method.tau_theta = tau_theta;
      config.train.max_steps = 4;
      config.train.dtype = "float64";
      EXPECT_LT(largest_residual(config), 1e-7) << model << " " << tau_theta;
      config.train.dtype = "float32";
      EXPECT_LT(largest_residual(config), 1e-3) << model << " " << tau_theta;
    }
  }
}

TEST(CheckResiduals, OfConjugateGradientsTheyFallWithTheIterations) {
  Config config = checked_config();
  config.method.name = "cg";
  config.method.tau_theta = 1;
  config.train.max_steps = 3;
  double before = 10;
  for (const int64_t iterations : {1, 3, 9, 27}) {
    config.method.cg_iterations = iterations;
    const double residual = largest_residual(config);
    EXPECT_LT(residual, before) << iterations;
    before = residual;
  }
}

TEST(CheckResiduals, AreToldOfEachProximalLayerEveryNthStep) {
  Config config = checked_config("convolutions");
  config.train.check_residuals = 5;
  ResidualRecorder recorder;
  train(config, banded_dataset(), options_for(recorder));
  ASSERT_EQ(recorder.residuals.size(), 4u * 3u);  // steps 1, 6, 11, 16 of 18; the output layer is explicit
  EXPECT_EQ(recorder.residuals[3].step, 6);
  EXPECT_EQ(recorder.residuals[0].layer, "0");
  EXPECT_EQ(recorder.residuals[1].layer, "3");
  EXPECT_EQ(recorder.residuals[2].layer, "6");
  for (const ResidualEvent& event : recorder.residuals)
    EXPECT_EQ(event.status, "ok");
}

TEST(CheckResiduals, ChangeNothingInTheRun) {
  TensorMap weights[2];
  for (const int64_t interval : {0, 2}) {
    Config config = checked_config();
    config.train.check_residuals = interval;
    const TemporaryFolder folder;
    Recorder recorder;
    train(config, banded_dataset(), options_for(recorder, folder.path()));
    weights[interval / 2] = load_safetensors(folder.path() / "model.safetensors").tensors;
  }
  for (const auto& [name, tensor] : weights[0])
    EXPECT_TRUE(weights[1].at(name).equal(tensor)) << name;
}

TEST(CheckResiduals, NeedProximalDirections) {
  for (const std::string method : {"backprop", "lab"}) {
    Config config = checked_config();
    config.method.name = method;
    Recorder recorder;
    const std::string message =
        message_of<ConfigError>([&] { train(config, banded_dataset(), options_for(recorder)); });
    EXPECT_NE(message.find("train.check_residuals"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace proxprop::train
