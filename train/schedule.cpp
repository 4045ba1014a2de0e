#include "train/schedule.h"

#include "train/check_number.h"
#include "train/errors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace proxprop::train {

void check_schedule(const ScheduleConfig& config) {
  const std::string& name = config.name;
  require<ConfigError>(
      name == "constant" || name == "step" || name == "cosine" || name == "inverse",
      "schedule.name must be constant, step, cosine or inverse, got '", name, "'");
  check_at_least("schedule.warmup_epochs", config.warmup_epochs, 0);
  check_at_least("schedule.step_epochs", config.step_epochs, 1);
  check_positive("schedule.gamma", config.gamma);
  check_at_least("schedule.decay", config.decay, 0);
}

bool depends_on_epochs(const ScheduleConfig& config, int64_t epochs) {
  return config.name == "cosine" || config.warmup_epochs > epochs;
}

Schedule::Schedule(const ScheduleConfig& config, int64_t batches_per_epoch, int64_t epochs)
    : config_(config), batches_per_epoch_(batches_per_epoch), total_steps_(epochs * batches_per_epoch) {
  check_schedule(config);
  // Warm-up that lasts longer than training is as good as one of its length.
  warmup_steps_ = std::min(config.warmup_epochs, epochs + 1) * batches_per_epoch;
}

double Schedule::factor(int64_t step) const {
  if (step < warmup_steps_)
    return static_cast<double>(step + 1) / static_cast<double>(warmup_steps_);
  const int64_t t = step - warmup_steps_;
  if (config_.name == "step") {
    return std::pow(config_.gamma, static_cast<double>(t / batches_per_epoch_ / config_.step_epochs));
  }
  if (config_.name == "cosine") {
    const int64_t length = std::max<int64_t>(total_steps_ - warmup_steps_, 1);
    const double done = std::min(1.0, static_cast<double>(t) / static_cast<double>(length));
    return 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  }
  if (config_.name == "inverse")
    return 1.0 / (1.0 + config_.decay * static_cast<double>(t));
  return 1.0;
}

}  // namespace proxprop::train
