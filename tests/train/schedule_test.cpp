#include "train/errors.h"
#include "train/schedule.h"

#include <gtest/gtest.h>

namespace proxprop::train {
namespace {

constexpr int64_t kBatches = 10;
constexpr int64_t kEpochs = 6;

Schedule make(const ScheduleConfig& config) {
  return Schedule(config, kBatches, kEpochs);
}

TEST(Schedule, ConstantIsOneThroughout) {
  for (const int64_t step : {0, 5, 59, 1000})
    EXPECT_EQ(make({}).factor(step), 1.0);
}

TEST(Schedule, StepMultipliesByGammaAtWholeEpochs) {
  ScheduleConfig config;
  config.name = "step";
  config.step_epochs = 2;
  config.gamma = 0.5;
  EXPECT_EQ(make(config).factor(19), 1.0);
  EXPECT_EQ(make(config).factor(20), 0.5);
  EXPECT_EQ(make(config).factor(40), 0.25);
}

TEST(Schedule, CosineFallsFromOneToZeroAndIsHalfInTheMiddle) {
  ScheduleConfig config;
  config.name = "cosine";
  const Schedule schedule = make(config);
  EXPECT_EQ(schedule.factor(0), 1.0);
  EXPECT_NEAR(schedule.factor(30), 0.5, 1e-15);
  EXPECT_NEAR(schedule.factor(60), 0.0, 1e-15);
  EXPECT_NEAR(schedule.factor(1000), 0.0, 1e-15);
  for (int64_t step = 1; step <= 60; ++step)
    EXPECT_LT(schedule.factor(step), schedule.factor(step - 1));
}

TEST(Schedule, InverseIsOneOverOnePlusDecayTimesStep) {
  ScheduleConfig config;
  config.name = "inverse";
  config.decay = 0.25;
  EXPECT_EQ(make(config).factor(0), 1.0);
  EXPECT_EQ(make(config).factor(4), 0.5);
}

TEST(Schedule, WarmupClimbsLinearlyAndThenTheScheduleBegins) {
  ScheduleConfig config;
  config.name = "cosine";
  config.warmup_epochs = 2;
  const Schedule schedule = make(config);
  EXPECT_DOUBLE_EQ(schedule.factor(0), 1.0 / 20);
  EXPECT_DOUBLE_EQ(schedule.factor(9), 0.5);
  EXPECT_DOUBLE_EQ(schedule.factor(19), 1.0);
  EXPECT_DOUBLE_EQ(schedule.factor(20), 1.0);
  EXPECT_NEAR(schedule.factor(40), 0.5, 1e-15);
  EXPECT_NEAR(schedule.factor(60), 0.0, 1e-15);
}

TEST(Schedule, UnknownNamesAndImpossibleNumbersAreRefused) {
  ScheduleConfig config;
  config.name = "linear";
  EXPECT_THROW(make(config), ConfigError);
  config = {};
  config.step_epochs = 0;
  EXPECT_THROW(make(config), ConfigError);
  config = {};
  config.decay = -1;
  EXPECT_THROW(make(config), ConfigError);
}

}  // namespace
}  // namespace proxprop::train
