#include "train/whole_step.h"

#include "train/admm_step.h"
#include "train/check_number.h"
#include "train/errors.h"
#include "train/hessian_free_step.h"
#include "train/mac_step.h"
#include "train/sfo_step.h"

#include <algorithm>

namespace proxprop::train {
namespace {

bool has_record_variables(const MethodConfig& method) {
  return method.name == "mac" || method.name == "admm";
}

}  // namespace

bool takes_whole_steps(const MethodConfig& method) {
  return method.name == "hessian_free" || method.name == "sfo" || has_record_variables(method);
}

void tell_whole_steps(const MethodConfig& method, std::vector<LayerPlan>& plan) {
  if (!takes_whole_steps(method))
    return;
  for (LayerPlan& layer : plan) {
    layer.solver = method.name;
    layer.route = "whole step";
    layer.reason = "the method steps with all layers together";
  }
}

bool keeps_order(const Config& config) {
  return has_record_variables(config.method) || config.optimizer.name == "lbfgs";
}

int64_t records_per_step(const Config& config, int64_t train_records) {
  if (keeps_order(config))
    return train_records;
  if (config.method.name != "hessian_free")
    return config.train.batch_size;
  const int64_t gradient_batch = config.method.hf_gradient_batch;
  return gradient_batch == 0 ? train_records : std::min(gradient_batch, train_records);
}

void check_whole_step(const Config& config) {
  const MethodConfig& method = config.method;
  check_at_least("method.hf_gradient_batch", method.hf_gradient_batch, 0);
  check_at_least("method.hf_curvature_batch", method.hf_curvature_batch, 0);
  check_positive("method.hf_lambda", method.hf_lambda);
  check_at_least("method.hf_zeta", method.hf_zeta, 0);
  require<ConfigError>(method.hf_zeta <= 1, "method.hf_zeta must be at most 1, got ", method.hf_zeta);
  check_at_least("method.hf_cg_iterations", method.hf_cg_iterations, 1);
  check_at_least("method.hf_epsilon", method.hf_epsilon, 0);
  check_at_least("method.hf_alpha", method.hf_alpha, 0);
  require<ConfigError>(method.hf_alpha <= 1, "method.hf_alpha must be at most 1, got ", method.hf_alpha);
  check_at_least("method.sfo_max_history_terms", method.sfo_max_history_terms, 1);
  check_at_least("method.sfo_max_gradient_noise", method.sfo_max_gradient_noise, 0);
  check_positive("method.sfo_hessian_init", method.sfo_hessian_init);
  check_at_least("method.sfo_init_subf", method.sfo_init_subf, 1);
  check_positive("method.mac_mu", method.mac_mu);
  check_at_least("method.mac_growth", method.mac_growth, 1);
  check_at_least("method.mac_steps", method.mac_steps, 1);
  check_at_least("method.mac_cg_iterations", method.mac_cg_iterations, 1);
  check_positive("method.admm_beta", method.admm_beta);
  check_positive("method.admm_gamma", method.admm_gamma);
  check_at_least("method.admm_warm_up", method.admm_warm_up, 0);
  if (!takes_whole_steps(method))
    return;
  const auto no_part = [&](bool unused, const char* key) {
    require<ConfigError>(
        unused, key, " has no part in method.name = ", method.name, ", which takes its steps without an optimizer");
  };
  no_part(config.schedule.name == "constant" && config.schedule.warmup_epochs == 0, "the schedule");
  no_part(config.optimizer.weight_decay == 0, "optimizer.weight_decay");
  no_part(config.optimizer.name != "lbfgs", "optimizer.name = lbfgs");
  no_part(config.train.on_nonfinite == "stop", "train.on_nonfinite");
}

std::unique_ptr<WholeStep> make_whole_step(const Config& config, torch::nn::Sequential model, int64_t train_records) {
  if (config.method.name == "hessian_free")
    return std::make_unique<HessianFreeStep>(config, std::move(model));
  if (config.method.name == "sfo")
    return std::make_unique<SfoStep>(config, std::move(model), train_records);
  if (config.method.name == "mac")
    return std::make_unique<MacStep>(config, std::move(model));
  if (config.method.name == "admm")
    return std::make_unique<AdmmStep>(config, std::move(model));
  return nullptr;
}

}  // namespace proxprop::train
