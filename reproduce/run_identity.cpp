#include "reproduce/run_identity.h"

#include "train/records/config_json.h"
#include "train/schedule.h"
#include "train/sha256.h"
#include "train/whole_step.h"

#include <nlohmann/json.hpp>

namespace proxprop::reproduce {
namespace {

using train::Json;

train::MethodConfig determining(const train::MethodConfig& method) {
  train::MethodConfig kept = method;
  const train::MethodConfig defaults;
  if (method.name == "backprop") {
    kept = defaults;
    kept.name = method.name;
  }
  if (method.name == "exact") {
    kept.cg_iterations = defaults.cg_iterations;
    kept.cg_tolerance = defaults.cg_tolerance;
    kept.coupling = defaults.coupling;
  }
  return kept;
}

train::OptimizerConfig determining(const train::OptimizerConfig& optimizer) {
  const std::string& name = optimizer.name;
  train::OptimizerConfig kept;
  kept.name = name;
  kept.lr = optimizer.lr;
  kept.weight_decay = optimizer.weight_decay;
  if (name == "momentum" || name == "nesterov" || name == "rmsprop" || name == "muon")
    kept.momentum = optimizer.momentum;
  if (name == "adam" || name == "adamw" || name == "muon") {
    kept.beta1 = optimizer.beta1;
    kept.beta2 = optimizer.beta2;
  }
  if (name == "adam" || name == "adamw" || name == "rmsprop" || name == "adagrad" || name == "muon")
    kept.eps = optimizer.eps;
  if (name == "rmsprop")
    kept.alpha = optimizer.alpha;
  if (name == "muon") {
    kept.muon_ns_steps = optimizer.muon_ns_steps;
    kept.muon_adam_lr = optimizer.muon_adam_lr;
  }
  if (name == "lbfgs") {
    kept.lbfgs_history_size = optimizer.lbfgs_history_size;
    kept.lbfgs_max_iter = optimizer.lbfgs_max_iter;
  }
  if (name == "entropy_sgd") {
    kept.entropy_l = optimizer.entropy_l;
    kept.entropy_eta = optimizer.entropy_eta;
    kept.entropy_gamma0 = optimizer.entropy_gamma0;
    kept.entropy_gamma1 = optimizer.entropy_gamma1;
    kept.entropy_alpha = optimizer.entropy_alpha;
    kept.entropy_eps = optimizer.entropy_eps;
  }
  return kept;
}

train::ScheduleConfig determining(const train::ScheduleConfig& schedule) {
  train::ScheduleConfig kept;
  kept.name = schedule.name;
  kept.warmup_epochs = schedule.warmup_epochs;
  if (schedule.name == "step") {
    kept.step_epochs = schedule.step_epochs;
    kept.gamma = schedule.gamma;
  }
  if (schedule.name == "inverse")
    kept.decay = schedule.decay;
  return kept;
}

train::ModelConfig determining(const train::ModelConfig& model) {
  train::ModelConfig kept = model;
  const train::ModelConfig defaults;
  if (!model.layers.empty())
    kept.name = defaults.name;
  if (!model.layers.empty() || model.name == "convnet")
    kept.hidden = defaults.hidden;
  return kept;
}

train::TrainConfig determining(const train::TrainConfig& train, bool epochs_matter) {
  train::TrainConfig kept;
  kept.batch_size = train.batch_size;
  kept.max_steps = train.max_steps;
  kept.seed = train.seed;
  kept.device = train.device;
  kept.dtype = train.dtype;
  kept.deterministic = train.deterministic;
  if (epochs_matter)
    kept.epochs = train.epochs;
  return kept;
}

}  // namespace

std::string determining_settings(const train::Config& config) {
  train::Config kept = config;
  kept.data.dir.clear();
  kept.model = determining(config.model);
  kept.method = determining(config.method);
  kept.optimizer = train::takes_whole_steps(config.method) ? train::OptimizerConfig{} : determining(config.optimizer);
  kept.schedule = determining(config.schedule);
  kept.train = determining(config.train, train::depends_on_epochs(config.schedule, config.train.epochs));

  const Json all = train::config_to_json(kept);
  const Json defaults = train::config_to_json(train::Config{});
  Json settings = Json::object();
  for (const auto& [section, members] : all.items()) {
    for (const auto& [key, value] : members.items()) {
      if (value != defaults.at(section).at(key))
        settings[section][key] = value;
    }
  }
  return train::json_text(settings);
}

std::string run_identity(const train::Config& config) {
  train::Sha256 hash;
  hash.update(determining_settings(config));
  return hash.hex_digest().substr(0, 12);
}

}  // namespace proxprop::reproduce
