#include "train/rules/make_rule.h"

#include "train/check_number.h"
#include "train/errors.h"
#include "train/rules/isaac_rule.h"
#include "train/rules/kfac_rule.h"
#include "train/rules/locoprop_rule.h"
#include "train/rules/released_rule.h"

namespace proxprop::train {
namespace {

std::unique_ptr<DirectionRule> make_kfac(const MethodConfig& method) {
  check_positive("method.kfac_lambda", method.kfac_lambda);
  check_fraction("method.kfac_epsilon", method.kfac_epsilon);
  check_at_least("method.kfac_t_cov", method.kfac_t_cov, 1);
  check_at_least("method.kfac_t_inv", method.kfac_t_inv, 1);
  require<ConfigError>(
      method.kfac_fisher == "sampled" || method.kfac_fisher == "empirical",
      "method.kfac_fisher must be sampled or empirical, got '", method.kfac_fisher, "'");
  return std::make_unique<KfacRule>(KfacOptions{
      method.kfac_lambda, method.kfac_epsilon, method.kfac_t_cov, method.kfac_t_inv, method.kfac_fisher == "sampled"});
}

std::unique_ptr<DirectionRule> make_locoprop(const MethodConfig& method) {
  check_at_least("method.locoprop_t", method.locoprop_t, 1);
  check_positive("method.locoprop_gamma", method.locoprop_gamma);
  check_positive("method.locoprop_eta", method.locoprop_eta);
  check_positive("method.locoprop_lr", method.locoprop_lr);
  return std::make_unique<LocoPropRule>(
      LocoPropOptions{method.locoprop_t, method.locoprop_gamma, method.locoprop_eta, method.locoprop_lr});
}

}  // namespace

bool has_rule(const MethodConfig& method) {
  return make_rule(method) != nullptr;
}

std::unique_ptr<DirectionRule> make_rule(const MethodConfig& method) {
  if (method.name == "kfac")
    return make_kfac(method);
  if (method.name == "locoprop_s")
    return make_locoprop(method);
  if (method.name == "isaac") {
    check_positive("method.isaac_lambda", method.isaac_lambda);
    return std::make_unique<IsaacRule>(method.isaac_lambda);
  }
  if (is_for_linear_layers_only(method))
    return std::make_unique<ReleasedRule>(method.tau_theta, method.name == "released-cg" ? method.cg_iterations : 0);
  return nullptr;
}

bool rules_output_layer(const MethodConfig& method) {
  return method.name == "kfac" || method.name == "locoprop_s";
}

bool is_for_linear_layers_only(const MethodConfig& method) {
  return method.name == "released-exact" || method.name == "released-cg";
}

}  // namespace proxprop::train
