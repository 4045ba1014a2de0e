#include "train/lab_step.h"

#include "train/check_number.h"
#include "train/errors.h"
#include "train/method.h"
#include "train/method_error.h"

#include "lab/a_rules.h"
#include "lab/energy_record.h"
#include "lab/last_rules.h"
#include "lab/theta_rules.h"
#include "lab/z_rules.h"

#include <cmath>
#include <memory>
#include <string>

namespace proxprop::train {
namespace {

[[noreturn]] void unknown_rule(const char* key, const char* known, const std::string& value) {
  throw ConfigError(std::string("method.") + key + " must be " + known + ", got '" + value + "'");
}

std::shared_ptr<const lab::ZRule> z_rule(const std::string& name) {
  if (name == "explicit")
    return std::make_shared<lab::ExplicitZ>();
  if (name == "implicit")
    return std::make_shared<lab::ImplicitZ>();
  if (name == "bregman")
    return std::make_shared<lab::BregmanZ>();
  unknown_rule("step_z", "explicit, implicit or bregman", name);
}

std::shared_ptr<const lab::ARule> a_rule(const std::string& name) {
  if (name == "explicit")
    return std::make_shared<lab::ExplicitA>();
  if (name == "implicit")
    return std::make_shared<lab::ImplicitA>();
  unknown_rule("step_a", "explicit or implicit", name);
}

std::shared_ptr<const lab::LastRule> last_rule(const std::string& name) {
  if (name == "explicit")
    return std::make_shared<lab::ExplicitLast>();
  if (name == "implicit")
    return std::make_shared<lab::ImplicitLast>();
  if (name == "moreau")
    return std::make_shared<lab::MoreauLast>();
  unknown_rule("step_last", "explicit, implicit or moreau", name);
}

std::shared_ptr<const lab::ThetaRule> theta_rule(const MethodConfig& method) {
  if (const auto options = proximal_options(method))
    return std::make_shared<lab::ProximalTheta>(*options);
  return std::make_shared<lab::ExplicitTheta>();
}

std::vector<double> one_per_layer(const char* key, std::vector<double> weights, int64_t hidden_layers) {
  if (weights.size() == 1)
    weights.assign(hidden_layers, weights.front());
  require<ConfigError>(
      static_cast<int64_t>(weights.size()) == hidden_layers, "method.", key,
      " needs one number, or one for each of the ", hidden_layers, " hidden layers, got ", weights.size());
  for (const double weight : weights)
    check_positive("method." + std::string(key), weight);
  return weights;
}

}  // namespace

LabStep::LabStep(torch::nn::Sequential model, const MethodConfig& method)
    : network_(for_method(method, [&] { return lab::Network(std::move(model)); })),
      rules_{z_rule(method.step_z), a_rule(method.step_a), last_rule(method.step_last), theta_rule(method)},
      penalties_{
          one_per_layer("penalty_rho", method.penalty_rho, network_.hidden_count()),
          one_per_layer("penalty_gamma", method.penalty_gamma, network_.hidden_count())} {}

lab::SweepOptions LabStep::sweep_options(double tau) const {
  const auto over_tau = [tau](const char* key, std::vector<double> weights) {
    for (double& weight : weights) {
      const double given = weight;
      weight /= tau;
      require<ConfigError>(
          weight > 0 && std::isfinite(weight), "method.", key, " = ", given, " over the learning rate ", tau,
          " is not a positive, finite number");
    }
    return weights;
  };
  return {tau, {over_tau("penalty_rho", penalties_.rho), over_tau("penalty_gamma", penalties_.gamma)}};
}

at::Tensor LabStep::run(const at::Tensor& input, const at::Tensor& labels, double tau) const {
  const lab::Sweep sweep = lab::sweep(network_, {input, labels}, lab::CrossEntropy(), rules_, sweep_options(tau));
  lab::set_gradients(network_, sweep);
  return sweep.loss;
}

LabStep::Recorded LabStep::run_recorded(const at::Tensor& input, const at::Tensor& labels, double tau) const {
  const lab::RecordedSweep record =
      lab::recorded_sweep(network_, {input, labels}, lab::CrossEntropy(), rules_, sweep_options(tau));
  lab::set_gradients(network_, record.sweep);
  Recorded result{record.sweep.loss, {}};
  for (const lab::BlockEnergy& energy : record.energies) {
    EnergyEvent event;
    event.block = lab::to_string(energy.block);
    event.layer = energy.layer + 1;
    event.before = energy.before;
    event.after = energy.after;
    result.energies.push_back(event);
  }
  return result;
}

}  // namespace proxprop::train
