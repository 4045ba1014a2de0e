#include "train/admm_step.h"

#include "train/errors.h"
#include "train/method_error.h"
#include "train/record_variables.h"

#include <memory>

namespace proxprop::train {
namespace {

std::unique_ptr<batch::OutputLoss> output_loss(const std::string& name, const at::Tensor& labels) {
  if (name == "cross_entropy")
    return batch::summed_cross_entropy(labels);
  if (name == "squared")
    return batch::summed_squared_error(labels);
  require<ConfigError>(name == "hinge", "method.admm_loss must be cross_entropy, hinge or squared, got '", name, "'");
  return batch::summed_hinge(labels);
}

batch::AdmmStart start(const std::string& name) {
  require<ConfigError>(
      name == "forward" || name == "random", "method.admm_start must be forward or random, got '", name, "'");
  return name == "forward" ? batch::AdmmStart::forward : batch::AdmmStart::random;
}

}  // namespace

AdmmStep::AdmmStep(const Config& config, torch::nn::Sequential model)
    : admm_(for_method(
          config.method,
          [&] {
            return batch::Admm(lab::Network(model), {config.method.admm_beta, config.method.admm_gamma});
          })),
      options_(model->parameters().front().options().requires_grad(false)),
      loss_(config.method.admm_loss),
      start_(start(config.method.admm_start)),
      warm_up_(config.method.admm_warm_up) {
  output_loss(loss_, at::zeros({1}, at::kLong));  // whether there is such a loss
}

StepOutcome AdmmStep::take(const at::Tensor& input, const at::Tensor& labels) {
  if (!admm_.started())
    admm_.start(input, start_);
  const at::Tensor loss = lab::CrossEntropy().value(admm_.network().forward(input).z.back(), labels);
  const double evaluations = admm_.iterate(input, *output_loss(loss_, labels), iterations_ >= warm_up_);
  ++iterations_;
  return {loss, 1.0 / 3 + evaluations};
}

TensorMap AdmmStep::state() const {
  TensorMap state = {{"iterations", at::scalar_tensor(static_cast<double>(iterations_), at::kDouble)}};
  const batch::AdmmVariables& variables = admm_.variables();
  add_variables(state, "a", variables.a);
  add_variables(state, "z", variables.z);
  if (variables.multiplier.defined())
    add_variables(state, "multiplier", {variables.multiplier});
  return state;
}

void AdmmStep::restore(const TensorMap& state) {
  VariableReader reader(state, options_, "admm");
  iterations_ = static_cast<int64_t>(reader.number("iterations"));
  batch::AdmmVariables variables;
  variables.a = reader.variables("a");
  variables.z = reader.variables("z");
  variables.multiplier = reader.variable("multiplier.0");
  admm_.set_variables(std::move(variables));
  reader.check_all_read();
}

}  // namespace proxprop::train
