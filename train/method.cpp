#include "train/method.h"

#include "train/check_number.h"
#include "train/errors.h"
#include "train/rules/make_rule.h"
#include "train/whole_step.h"

#include <string>

namespace proxprop::train {
namespace {

std::optional<Coupling> to_coupling(const std::string& name) {
  if (name == "auto")
    return std::nullopt;
  if (name == "per_output")
    return Coupling::per_output;
  if (name == "joint")
    return Coupling::joint;
  throw ConfigError("method.coupling must be auto, per_output or joint, got '" + name + "'");
}

Scaling to_scaling(const std::string& name) {
  if (name == "sum")
    return Scaling::sum;
  if (name == "mean")
    return Scaling::mean;
  throw ConfigError("method.scaling must be sum or mean, got '" + name + "'");
}

// explicit, or the name of a solver.
std::string parameter_step(const MethodConfig& method) {
  if (method.name == "backprop" || has_rule(method) || takes_whole_steps(method))
    return "explicit";  // layers that follow a rule are their own
  if (method.name == "exact" || method.name == "cg" || method.name == "amortized" || method.name == "running_gram" ||
      method.name == "foof")
    return method.name;
  require<ConfigError>(
      method.name == "lab",
      "method.name must be backprop, exact, cg, amortized, running_gram, released-exact, released-cg, lab, foof, "
      "isaac, kfac, locoprop_s, hessian_free, sfo, mac or admm, got '",
      method.name, "'");
  const std::string& step = method.step_theta;
  require<ConfigError>(
      step == "explicit" || step == "exact" || step == "cg", "method.step_theta must be explicit, exact or cg, got '",
      step, "'");
  return step;
}

// FOOF is the running Gram by other names: with the mean Gram its (lambda I + G)^-1 is that of tau_theta = 1 / lambda.
ProximalOptions foof_options(const MethodConfig& method) {
  check_positive("method.foof_lambda", method.foof_lambda);
  check_fraction("method.foof_m", method.foof_m);
  require<ConfigError>(
      method.foof_s >= 1 && method.foof_s <= method.foof_t,
      "method.foof_s must lie from 1 to method.foof_t = ", method.foof_t, ", got ", method.foof_s);
  ProximalOptions options;
  options.tau_theta = 1 / method.foof_lambda;
  options.scaling = Scaling::mean;
  options.solver = RunningGram{method.foof_m, method.foof_t, method.foof_s};
  return options;
}

}  // namespace

std::optional<ProximalOptions> proximal_options(const MethodConfig& method) {
  check_positive("method.tau_theta", method.tau_theta);
  check_at_least("method.cg_iterations", method.cg_iterations, 1);
  check_fraction("method.cg_tolerance", method.cg_tolerance);
  check_at_least("method.update_every", method.update_every, 1);
  check_fraction("method.gram_decay", method.gram_decay);
  ProximalOptions options;
  options.tau_theta = method.tau_theta;
  options.scaling = to_scaling(method.scaling);
  const std::optional<Coupling> coupling = to_coupling(method.coupling);
  const std::string kind = parameter_step(method);
  if (kind == "explicit")
    return std::nullopt;
  if (kind == "foof")
    return foof_options(method);
  if (kind == "cg")
    options.solver = ConjugateGradient{method.cg_iterations, method.cg_tolerance, coupling};
  if (kind == "amortized")
    options.solver = AmortizedCholesky{.update_every = method.update_every};
  if (kind == "running_gram")
    options.solver = RunningGram{method.gram_decay, method.update_every};
  return options;
}

void check_lab_settings(const Config& config) {
  const MethodConfig& method = config.method;
  if (method.name == "lab")
    return;
  const MethodConfig defaults;
  const auto check = [&](const char* key, bool is_default) {
    require<ConfigError>(is_default, key, " belongs to method.name = lab, and method.name is ", method.name);
  };
  check("method.step_z", method.step_z == defaults.step_z);
  check("method.step_a", method.step_a == defaults.step_a);
  check("method.step_last", method.step_last == defaults.step_last);
  check("method.step_theta", method.step_theta == defaults.step_theta);
  check("method.penalty_rho", method.penalty_rho == defaults.penalty_rho);
  check("method.penalty_gamma", method.penalty_gamma == defaults.penalty_gamma);
  check("train.record_energies", config.train.record_energies == 0);
}

}  // namespace proxprop::train
