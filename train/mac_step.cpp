#include "train/mac_step.h"

#include "train/errors.h"
#include "train/method_error.h"
#include "train/record_variables.h"

namespace proxprop::train {
namespace {

batch::AuxiliaryCoordinatesOptions options_of(const MethodConfig& method) {
  batch::AuxiliaryCoordinatesOptions options;
  options.steps = method.mac_steps;
  options.cg_iterations = method.mac_cg_iterations;
  return options;
}

}  // namespace

MacStep::MacStep(const Config& config, torch::nn::Sequential model)
    : coordinates_(for_method(
          config.method,
          [&] { return batch::AuxiliaryCoordinates(lab::Network(model), loss_, options_of(config.method)); })),
      options_(model->parameters().front().options().requires_grad(false)),
      mu_(config.method.mac_mu),
      growth_(config.method.mac_growth) {}

StepOutcome MacStep::take(const at::Tensor& input, const at::Tensor& labels) {
  const lab::Batch batch{input, labels};
  if (!coordinates_.started())
    coordinates_.start(input);
  const at::Tensor loss = loss_.value(coordinates_.network().forward(input).z.back(), labels);
  double evaluations = 1.0 / 3;
  evaluations += coordinates_.step_z(batch, mu_);
  evaluations += coordinates_.step_w(batch);
  mu_ *= growth_;
  return {loss, evaluations};
}

TensorMap MacStep::state() const {
  TensorMap state = {{"mu", at::scalar_tensor(mu_, at::kDouble)}};
  add_variables(state, "z", coordinates_.coordinates());
  return state;
}

void MacStep::restore(const TensorMap& state) {
  VariableReader reader(state, options_, "mac");
  mu_ = reader.number("mu");
  coordinates_.set_coordinates(reader.variables("z"));
  reader.check_all_read();
}

}  // namespace proxprop::train
