#include "train/sfo_step.h"

#include "train/data/sampler.h"
#include "train/errors.h"
#include "train/record_variables.h"

#include "lab/spectrum/flat_vector.h"

#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <string>

namespace proxprop::train {
namespace {

using Function = batch::SumOfFunctions::Function;

at::Tensor position_of(const std::vector<at::Tensor>& parameters) {
  at::Tensor x = at::zeros(
      {spectrum::flat_size(parameters)}, parameters.front().options().dtype(at::kDouble).requires_grad(false));
  spectrum::add_flattened(x, parameters, parameters);
  return x;
}

std::vector<at::Tensor> first_batches(const Config& config, int64_t train_records) {
  Sampler sampler(train_records, config.train.batch_size, config.train.seed);
  std::vector<at::Tensor> batches;
  for (int64_t i = 0; i < sampler.batches_per_epoch(); ++i)
    batches.push_back(sampler.next());
  return batches;
}

batch::SumOfFunctionsOptions options_of(const MethodConfig& method) {
  return {method.sfo_max_history_terms, method.sfo_max_gradient_noise, method.sfo_hessian_init, method.sfo_init_subf};
}

at::Tensor as_tensor(double value) {
  return at::scalar_tensor(value, at::kDouble);
}

void add_function(TensorMap& state, const std::string& name, const Function& function) {
  add_variables(state, name + ".x", {function.x});
  add_variables(state, name + ".df", {function.df});
  std::vector<at::Tensor> dx, df;
  for (const batch::SecantPair& pair : function.history) {
    dx.push_back(pair.dx);
    df.push_back(pair.df);
  }
  add_variables(state, name + ".history_dx", dx);
  add_variables(state, name + ".history_df", df);
  state[name + ".values"] =
      at::tensor(std::vector<double>(function.values.begin(), function.values.end()), at::kDouble);
  if (function.hessian.vectors().defined())
    add_variables(state, name + ".vectors", {function.hessian.vectors()});
}

Function read_function(VariableReader& reader, const std::string& name) {
  Function function;
  function.x = reader.variable(name + ".x.0");
  if (!function.x.defined())
    return function;
  function.df = reader.variable(name + ".df.0");
  const std::vector<at::Tensor> dx = reader.variables(name + ".history_dx");
  const std::vector<at::Tensor> df = reader.variables(name + ".history_df");
  require<CheckpointError>(function.df.defined() && dx.size() == df.size(), "the state of sfo is not whole: ", name);
  for (size_t i = 0; i < dx.size(); ++i)
    function.history.push_back({dx[i], df[i]});
  const at::Tensor values = reader.variable(name + ".values");
  require<CheckpointError>(values.defined(), "the state of sfo is not whole: ", name);
  for (int64_t i = 0; i < values.numel(); ++i)
    function.values.push_back(values[i].item<double>());
  return function;
}

}  // namespace

SfoStep::SfoStep(const Config& config, torch::nn::Sequential model, int64_t train_records)
    : model_(std::move(model)),
      parameters_(model_->parameters()),
      functions_(first_batches(config, train_records)),
      train_records_(train_records),
      sfo_(position_of(parameters_), static_cast<int64_t>(functions_.size()), options_of(config.method)) {}

std::optional<at::Tensor> SfoStep::choose_records() {
  return functions_[sfo_.next()];
}

// The functions add up to the mean over all records.
StepOutcome SfoStep::take(const at::Tensor& input, const at::Tensor& labels) {
  set_parameters();
  model_->zero_grad();
  at::Tensor loss = torch::nn::functional::cross_entropy(model_->forward(input), labels);
  loss.backward();
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters_)
    gradients.push_back(parameter.grad());
  const double share = static_cast<double>(labels.size(0)) / static_cast<double>(train_records_);
  at::Tensor gradient = at::zeros_like(sfo_.state().basis.select(1, 0));
  spectrum::add_flattened(gradient, gradients, parameters_);
  const bool kept = sfo_.tell(share * loss.item<double>(), share * gradient);
  set_parameters();
  return {loss.detach(), 1, kept};
}

void SfoStep::set_parameters() {
  const torch::NoGradGuard no_grad;
  const std::vector<at::Tensor> parts = spectrum::unflatten(sfo_.position(), parameters_);
  for (size_t i = 0; i < parameters_.size(); ++i)
    parameters_[i].copy_(parts[i]);
}

TensorMap SfoStep::state() const {
  const batch::SumOfFunctions::State& sfo = sfo_.state();
  TensorMap state = {{"since_growth", as_tensor(static_cast<double>(sfo.since_growth))}};
  add_variables(state, "basis", {sfo.basis});
  add_variables(state, "x", {sfo.x});
  add_variables(state, "start", {sfo.start});
  for (size_t i = 0; i < sfo.functions.size(); ++i) {
    const Function& function = sfo.functions[i];
    if (!function.active)
      continue;
    const std::string name = "function." + std::to_string(i);
    state[name + ".beta"] = as_tensor(function.hessian.beta());
    if (function.x.defined())
      add_function(state, name, function);
  }
  return state;
}

void SfoStep::restore(const TensorMap& state) {
  const at::TensorOptions options = sfo_.state().basis.options();
  VariableReader reader(state, options, "sfo");
  batch::SumOfFunctions::State sfo;
  sfo.since_growth = static_cast<int64_t>(reader.number("since_growth"));
  sfo.basis = reader.variable("basis.0");
  sfo.x = reader.variable("x.0");
  sfo.start = reader.variable("start.0");
  require<CheckpointError>(
      sfo.basis.defined() && sfo.x.defined() && sfo.start.defined() && sfo.basis.dim() == 2 &&
          sfo.basis.size(0) == sfo_.state().basis.size(0),
      "the state of sfo is of another model");
  for (size_t i = 0; i < functions_.size(); ++i) {
    const std::string name = "function." + std::to_string(i);
    const bool active = state.contains(name + ".beta");
    sfo.functions.push_back(active ? read_function(reader, name) : Function());
    if (!active)
      continue;
    sfo.functions.back().active = true;
    sfo.functions.back().hessian =
        batch::BfgsMatrix::from_parts(reader.number(name + ".beta"), reader.variable(name + ".vectors.0"));
  }
  reader.check_all_read();
  sfo_.restore(std::move(sfo));
}

}  // namespace proxprop::train
