#include "train/check_config.h"

#include "train/check_number.h"
#include "train/data/normalization.h"
#include "train/errors.h"
#include "train/execution.h"
#include "train/layer_spec.h"
#include "train/method.h"
#include "train/nonfinite_guard.h"
#include "train/optimizer.h"
#include "train/records/config_json.h"
#include "train/schedule.h"
#include "train/whole_step.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace proxprop::train {
namespace {

constexpr int64_t kLargest = int64_t{1} << 40;  // keeps products such as epochs * batches in 64 bits

void check_range(const std::string& key, int64_t value, int64_t least, int64_t most) {
  check_at_least(key, value, least);
  require<ConfigError>(value <= most, key, " must be at most ", most, ", got ", value);
}

template <class Spec>
bool has_layer(const ModelConfig& model) {
  for (const std::string& text : model.layers) {
    if (std::holds_alternative<Spec>(parse_layer(text, "model.layers")))
      return true;
  }
  return false;
}

bool has_dropout(const ModelConfig& model) {
  return has_layer<DropoutSpec>(model);
}

// A method that compares values of the loss at several points of one step, or its gradients.
void check_one_function(const std::string& who, const ModelConfig& model) {
  require<ConfigError>(
      !has_dropout(model), who,
      " needs a model without dropout: it compares values of the loss, and dropout makes each of them random");
  require<ConfigError>(
      !has_layer<BatchNormSpec>(model), who,
      " needs a model without batch_norm: a step passes over the records several times, in parts of "
      "train.batch_size, and each pass would move its averages");
}

// L-BFGS fits one fixed function along one line: its line search compares values of the loss, and its curvature pairs
// compare gradients, at different points.
void check_lbfgs(const Config& config) {
  require<ConfigError>(
      config.method.name == "backprop",
      "optimizer.name = lbfgs needs method.name = backprop: its line search and its curvature estimate are "
      "sound only for the gradient of the loss, and a proximal direction is not one");
  require<ConfigError>(
      config.train.on_nonfinite == "stop",
      "optimizer.name = lbfgs needs train.on_nonfinite = stop: one of its steps "
      "evaluates the loss at several points and cannot be left out as a whole, got ",
      config.train.on_nonfinite);
  check_one_function("optimizer.name = lbfgs", config.model);
}

void check_train(const TrainConfig& train) {
  check_range("train.epochs", train.epochs, 0, 1'000'000'000);
  check_range("train.batch_size", train.batch_size, 1, kLargest);
  check_range("train.max_steps", train.max_steps, 0, kLargest);
  check_range("train.threads", train.threads, 0, 4096);
  check_range("train.keep", train.keep, 1, kLargest);
  nonfinite_policy(train.on_nonfinite);
  check_range("train.check_residuals", train.check_residuals, 0, kLargest);
  check_range("train.record_energies", train.record_energies, 0, kLargest);
  check_at_least("train.save_every", train.save_every, 0);
}

}  // namespace

void check_config(const Config& config, int64_t train_records) {
  check_normalization(config.data.normalization);
  check_train(config.train);
  select_dtype(config.train.dtype);
  check_optimizer(config.optimizer);
  check_schedule(config.schedule);
  check_lab_settings(config);
  require<ConfigError>(
      config.train.record_energies == 0 || !has_dropout(config.model),
      "train.record_energies needs a model without dropout, which makes the energy random");
  require<ConfigError>(
      config.train.check_residuals == 0 || config.method.name == "exact" || config.method.name == "cg",
      "train.check_residuals looks at proximal directions, and method.name = ", config.method.name,
      " takes none that it can see; use exact or cg");
  require<ConfigError>(train_records >= 1, "there are no training records");
  if (config.optimizer.name == "lbfgs")
    check_lbfgs(config);
  check_whole_step(config);
  if (config.method.name == "hessian_free" || config.method.name == "sfo")
    check_one_function("method.name = " + config.method.name, config.model);
}

void check_batches(const std::vector<ModelLayer>& layers, int64_t batch_size, int64_t train_records) {
  const bool batch_of_one = batch_size == 1 || train_records % batch_size == 1;
  for (const ModelLayer& layer : layers) {
    const bool one_value = std::holds_alternative<BatchNormSpec>(layer.spec) && entries(layer.input) == layer.input[0];
    require<ConfigError>(
        !one_value || !batch_of_one, "batch_norm has nothing to average in a batch of one record: with ", train_records,
        " training records and train.batch_size = ", batch_size, " there is one; choose another batch size");
  }
}

void check_resumable(const Config& then, const Config& now) {
  static const std::set<std::string> free_keys = {
      "data.dir",
      "train.epochs",
      "train.max_steps",
      "train.device",
      "train.threads",
      "train.keep",
      "train.save_every",
      "train.deterministic",
      "train.on_nonfinite",
      "train.check_residuals",
      "train.record_energies"};
  const Json before = config_to_json(then);
  const Json after = config_to_json(now);
  for (const auto& [section, members] : before.items()) {
    for (const auto& [member, value] : members.items()) {
      const std::string key = section + "." + member;
      const Json& other = after.at(section).at(member);
      require<ConfigError>(
          free_keys.contains(key) || value == other, "cannot resume: ", key, " was ", json_text(value),
          " in the checkpoint and is ", json_text(other), " now");
    }
  }
  const int64_t fewer = std::min(then.train.epochs, now.train.epochs);
  require<ConfigError>(
      then.train.epochs == now.train.epochs || !depends_on_epochs(now.schedule, fewer),
      "cannot resume: train.epochs was ", then.train.epochs, " in the checkpoint and is ", now.train.epochs,
      " now, and the learning rates of the ", now.schedule.name, " schedule",
      now.schedule.warmup_epochs > 0 ? " and its warm-up" : "",
      " so far depend on it; start a new run of so many epochs");
}

}  // namespace proxprop::train
