#include "train/optimizer.h"

#include "train/entropy_sgd.h"
#include "train/errors.h"
#include "train/lbfgs.h"
#include "train/muon.h"

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace proxprop::train {
namespace {

namespace optim = torch::optim;

void check_numbers(const OptimizerConfig& config) {
  const auto finite_from = [](double value, double least) { return std::isfinite(value) && value >= least; };
  require<ConfigError>(finite_from(config.lr, 0) && config.lr > 0, "optimizer.lr must be positive, got ", config.lr);
  require<ConfigError>(
      finite_from(config.momentum, 0) && config.momentum < 1, "optimizer.momentum must lie in [0, 1), got ",
      config.momentum);
  require<ConfigError>(
      finite_from(config.weight_decay, 0), "optimizer.weight_decay must be at least 0, got ", config.weight_decay);
  require<ConfigError>(
      finite_from(config.beta1, 0) && config.beta1 < 1, "optimizer.beta1 must lie in [0, 1), got ", config.beta1);
  require<ConfigError>(
      finite_from(config.beta2, 0) && config.beta2 < 1, "optimizer.beta2 must lie in [0, 1), got ", config.beta2);
  require<ConfigError>(finite_from(config.eps, 0), "optimizer.eps must be at least 0, got ", config.eps);
  require<ConfigError>(
      finite_from(config.alpha, 0) && config.alpha < 1, "optimizer.alpha must lie in [0, 1), got ", config.alpha);
}

void check_muon(const OptimizerConfig& config) {
  require<ConfigError>(
      config.muon_ns_steps >= 1, "optimizer.muon_ns_steps must be at least 1, got ", config.muon_ns_steps);
  require<ConfigError>(
      std::isfinite(config.muon_adam_lr) && config.muon_adam_lr > 0, "optimizer.muon_adam_lr must be positive, got ",
      config.muon_adam_lr);
}

void check_entropy_sgd(const OptimizerConfig& config) {
  require<ConfigError>(config.entropy_l >= 1, "optimizer.entropy_l must be at least 1, got ", config.entropy_l);
  require<ConfigError>(
      std::isfinite(config.entropy_eta) && config.entropy_eta > 0, "optimizer.entropy_eta must be positive, got ",
      config.entropy_eta);
  for (const auto& [key, value] :
       {std::pair{"entropy_gamma0", config.entropy_gamma0}, std::pair{"entropy_gamma1", config.entropy_gamma1},
        std::pair{"entropy_eps", config.entropy_eps}})
    require<ConfigError>(std::isfinite(value) && value >= 0, "optimizer.", key, " must be at least 0, got ", value);
  require<ConfigError>(
      config.entropy_alpha >= 0 && config.entropy_alpha < 1, "optimizer.entropy_alpha must lie in [0, 1), got ",
      config.entropy_alpha);
}

void check_lbfgs(const OptimizerConfig& config) {
  require<ConfigError>(
      config.lbfgs_history_size >= 1, "optimizer.lbfgs_history_size must be at least 1, got ",
      config.lbfgs_history_size);
  require<ConfigError>(
      config.lbfgs_max_iter >= 1, "optimizer.lbfgs_max_iter must be at least 1, got ", config.lbfgs_max_iter);
  require<ConfigError>(
      config.name != "lbfgs" || config.weight_decay == 0,
      "optimizer.name = lbfgs has no weight decay, got optimizer.weight_decay = ", config.weight_decay);
}

optim::SGDOptions sgd_options(const OptimizerConfig& config, double momentum) {
  return optim::SGDOptions(config.lr).weight_decay(config.weight_decay).momentum(momentum);
}

template <class Options>
Options adam_options(const OptimizerConfig& config) {
  return Options(config.lr).betas({config.beta1, config.beta2}).eps(config.eps).weight_decay(config.weight_decay);
}

optim::RMSpropOptions rmsprop_options(const OptimizerConfig& config) {
  return optim::RMSpropOptions(config.lr)
      .alpha(config.alpha)
      .eps(config.eps)
      .weight_decay(config.weight_decay)
      .momentum(config.momentum);
}

optim::AdagradOptions adagrad_options(const OptimizerConfig& config) {
  return optim::AdagradOptions(config.lr).eps(config.eps).weight_decay(config.weight_decay);
}

// The output layer is the last of the model, whether that is one layer or several.
bool is_of_output_layer(const std::string& parameter, const torch::nn::Module& model) {
  const auto children = model.named_children();
  return !children.is_empty() && parameter.starts_with(children.back().key() + ".");
}

std::unique_ptr<Muon> make_muon(const OptimizerConfig& config, const torch::nn::Module& model) {
  std::vector<at::Tensor> hidden_weights, others;
  for (const auto& parameter : model.named_parameters()) {
    const bool hidden_weight = parameter->dim() >= 2 && !is_of_output_layer(parameter.key(), model);
    (hidden_weight ? hidden_weights : others).push_back(parameter.value());
  }
  MuonOptions options;
  options.lr = config.lr;
  options.momentum = config.momentum;
  options.weight_decay = config.weight_decay;
  options.ns_steps = config.muon_ns_steps;
  auto adam = adam_options<optim::AdamWOptions>(config);
  adam.lr(config.muon_adam_lr);
  return std::make_unique<Muon>(hidden_weights, others, options, adam);
}

EntropySgdOptions entropy_sgd_options(const OptimizerConfig& config) {
  EntropySgdOptions options;
  options.lr = config.lr;
  options.weight_decay = config.weight_decay;
  options.l = config.entropy_l;
  options.eta = config.entropy_eta;
  options.gamma0 = config.entropy_gamma0;
  options.gamma1 = config.entropy_gamma1;
  options.alpha = config.entropy_alpha;
  options.eps = config.entropy_eps;
  return options;
}

LbfgsOptions lbfgs_options(const OptimizerConfig& config) {
  LbfgsOptions options;
  options.lr = config.lr;
  options.history_size = config.lbfgs_history_size;
  options.max_iter = config.lbfgs_max_iter;
  return options;
}

}  // namespace

void check_optimizer(const OptimizerConfig& config) {
  static const std::set<std::string> names = {"sgd",     "momentum", "nesterov", "adam", "adamw",
                                              "rmsprop", "lbfgs",    "adagrad",  "muon", "entropy_sgd"};
  require<ConfigError>(
      names.contains(config.name),
      "optimizer.name must be sgd, momentum, nesterov, adam, adamw, rmsprop, lbfgs, adagrad, muon or entropy_sgd, got "
      "'",
      config.name, "'");
  check_numbers(config);
  check_muon(config);
  check_entropy_sgd(config);
  check_lbfgs(config);
  require<ConfigError>(
      config.name != "nesterov" || config.momentum > 0,
      "optimizer.name = nesterov needs optimizer.momentum > 0; sgd has none");
}

std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerConfig& config, const torch::nn::Module& model) {
  check_optimizer(config);
  const std::vector<at::Tensor> parameters = model.parameters();
  const std::string& name = config.name;
  if (name == "sgd")
    return std::make_unique<optim::SGD>(parameters, sgd_options(config, 0));
  if (name == "momentum")
    return std::make_unique<optim::SGD>(parameters, sgd_options(config, config.momentum));
  if (name == "nesterov")
    return std::make_unique<optim::SGD>(parameters, sgd_options(config, config.momentum).nesterov(true));
  if (name == "adam")
    return std::make_unique<optim::Adam>(parameters, adam_options<optim::AdamOptions>(config));
  if (name == "adamw")
    return std::make_unique<optim::AdamW>(parameters, adam_options<optim::AdamWOptions>(config));
  if (name == "rmsprop")
    return std::make_unique<optim::RMSprop>(parameters, rmsprop_options(config));
  if (name == "adagrad")
    return std::make_unique<optim::Adagrad>(parameters, adagrad_options(config));
  if (name == "muon")
    return make_muon(config, model);
  if (name == "entropy_sgd")
    return std::make_unique<EntropySgd>(parameters, entropy_sgd_options(config));
  return std::make_unique<Lbfgs>(parameters, lbfgs_options(config));
}

double learning_rate(const optim::Optimizer& optimizer) {
  return optimizer.param_groups().front().options().get_lr();
}

void set_learning_rate(optim::Optimizer& optimizer, double lr) {
  for (optim::OptimizerParamGroup& group : optimizer.param_groups())
    group.options().set_lr(lr);
}

}  // namespace proxprop::train
