#include "train/optimizer.h"

#include "train/check_number.h"
#include "train/entropy_sgd.h"
#include "train/errors.h"
#include "train/lbfgs.h"
#include "train/muon.h"

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <set>
#include <string>
#include <vector>

namespace proxprop::train {
namespace {

namespace optim = torch::optim;

void check_numbers(const OptimizerConfig& config) {
  check_positive("optimizer.lr", config.lr);
  check_fraction("optimizer.momentum", config.momentum);
  check_at_least("optimizer.weight_decay", config.weight_decay, 0);
  check_fraction("optimizer.beta1", config.beta1);
  check_fraction("optimizer.beta2", config.beta2);
  check_at_least("optimizer.eps", config.eps, 0);
  check_fraction("optimizer.alpha", config.alpha);
  check_at_least("optimizer.muon_ns_steps", config.muon_ns_steps, 1);
  check_positive("optimizer.muon_adam_lr", config.muon_adam_lr);
  check_at_least("optimizer.entropy_l", config.entropy_l, 1);
  check_positive("optimizer.entropy_eta", config.entropy_eta);
  check_at_least("optimizer.entropy_gamma0", config.entropy_gamma0, 0);
  check_at_least("optimizer.entropy_gamma1", config.entropy_gamma1, 0);
  check_positive("optimizer.entropy_alpha", config.entropy_alpha);
  require<ConfigError>(
      config.entropy_alpha <= 1, "optimizer.entropy_alpha must be at most 1, got ", config.entropy_alpha);
  check_at_least("optimizer.entropy_eps", config.entropy_eps, 0);
  check_at_least("optimizer.lbfgs_history_size", config.lbfgs_history_size, 1);
  check_at_least("optimizer.lbfgs_max_iter", config.lbfgs_max_iter, 1);
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

// As Muon's authors ask: AdamW takes the input layer, which is the first that has a matrix, the output layer, which is
// the last of the model, and all that is not a matrix.
std::unique_ptr<Muon> make_muon(const OptimizerConfig& config, const torch::nn::Module& model) {
  const auto children = model.named_children();
  const std::string output_layer = children.is_empty() ? "" : children.back().key();
  std::string input_layer;
  std::vector<at::Tensor> hidden_weights, others;
  for (const auto& parameter : model.named_parameters()) {
    const std::string layer = parameter.key().substr(0, parameter.key().find('.'));
    const bool is_matrix = parameter->dim() >= 2;
    if (is_matrix && input_layer.empty())
      input_layer = layer;
    const bool is_hidden_weight = is_matrix && layer != input_layer && layer != output_layer;
    (is_hidden_weight ? hidden_weights : others).push_back(parameter.value());
  }
  require<ConfigError>(
      !hidden_weights.empty(),
      "optimizer.name = muon is for the weights between the first and the last layer, and the model has none; the "
      "others are AdamW's: use optimizer.name = adamw");
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
  require<ConfigError>(
      config.name != "lbfgs" || config.weight_decay == 0,
      "optimizer.name = lbfgs has no weight decay, got optimizer.weight_decay = ", config.weight_decay);
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
