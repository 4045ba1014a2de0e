#include "train/hessian_free_step.h"

#include "train/chunked_loss.h"
#include "train/errors.h"
#include "train/squared_gradients.h"

#include "lab/loss.h"
#include "lab/spectrum/flat_vector.h"
#include "lab/spectrum/gauss_newton.h"

#include <torch/utils.h>

#include <algorithm>

namespace proxprop::train {
namespace {

using spectrum::flat_size;

at::Tensor flat_zeros(const std::vector<at::Tensor>& parameters) {
  return at::zeros({flat_size(parameters)}, parameters.front().options().dtype(at::kDouble).requires_grad(false));
}

// The parameters moved by a step, and back again when this object goes, to the bit.
class Moved {
 public:
  Moved(const std::vector<at::Tensor>& parameters, const at::Tensor& step) : parameters_(parameters) {
    const torch::NoGradGuard no_grad;
    const std::vector<at::Tensor> parts = spectrum::unflatten(step, parameters_);
    for (size_t i = 0; i < parameters_.size(); ++i) {
      before_.push_back(parameters_[i].detach().clone());
      parameters_[i].add_(parts[i]);
    }
  }
  ~Moved() {
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < parameters_.size(); ++i)
      parameters_[i].copy_(before_[i]);
  }
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> before_;
};

spectrum::GaussNewton curvature_of(const std::vector<at::Tensor>& parameters, const ChunkedLoss& loss) {
  std::vector<spectrum::GaussNewton::Part> parts;
  for (const auto& [output, labels] : loss.outputs()) {
    const double share = static_cast<double>(labels.size(0)) / static_cast<double>(loss.records());
    const auto hessian = [at = output.detach(), share](const at::Tensor& change) {
      return lab::CrossEntropy().hessian_product(at, change) * share;
    };
    parts.push_back({output, hessian});
  }
  return {parameters, parts};
}

}  // namespace

HessianFreeStep::HessianFreeStep(const Config& config, torch::nn::Sequential model)
    : model_(std::move(model)),
      parameters_(model_->parameters()),
      curvature_batch_(config.method.hf_curvature_batch),
      chunk_(config.train.batch_size) {
  options_.cg.iterations = config.method.hf_cg_iterations;
  options_.cg.epsilon = config.method.hf_epsilon;
  options_.alpha = config.method.hf_alpha;
  options_.zeta = config.method.hf_zeta;
  state_.lambda = config.method.hf_lambda;
}

StepOutcome HessianFreeStep::take(const at::Tensor& input, const at::Tensor& labels) {
  const ChunkedLoss loss(model_, input, labels, chunk_);
  model_->zero_grad();
  const at::Tensor before = loss.backward();
  batch::LocalModel model;
  model.gradient = flat_zeros(parameters_);
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters_)
    gradients.push_back(parameter.grad());
  spectrum::add_flattened(model.gradient, gradients, parameters_);
  model.value = before.item<double>();
  model.at = [&](const at::Tensor& step) {
    const Moved moved(parameters_, step);
    return loss.value().item<double>();
  };

  const int64_t records = labels.size(0);
  const int64_t curved = curvature_batch_ == 0 ? records : std::min(curvature_batch_, records);
  const at::Tensor curved_input = input.narrow(0, 0, curved), curved_labels = labels.narrow(0, 0, curved);
  if (options_.alpha > 0)
    model.mean_squares = mean_squared_gradients(model_, curved_input, curved_labels, chunk_);
  model.curvature = curvature_of(parameters_, ChunkedLoss(model_, curved_input, curved_labels, chunk_));
  const batch::HessianFreeStep step = batch::hessian_free_step(model, options_, state_);
  {
    const torch::NoGradGuard no_grad;
    const std::vector<at::Tensor> parts = spectrum::unflatten(step.step, parameters_);
    for (size_t i = 0; i < parameters_.size(); ++i)
      parameters_[i].add_(parts[i]);
  }
  // The forward pass and the first pass back of the curvature's records are one gradient's, and so are the passes
  // behind their squared gradients.
  const double share = static_cast<double>(curved) / static_cast<double>(records);
  const double passes = (options_.alpha > 0 ? 2 : 1) + static_cast<double>(step.products) * 4 / 3;
  const double evaluations = 1 + static_cast<double>(step.values) / 3 + share * passes;
  return {before, evaluations, step.step_size > 0};
}

TensorMap HessianFreeStep::state() const {
  TensorMap state = {{"lambda", at::scalar_tensor(state_.lambda, at::kDouble)}};
  if (state_.solution.defined())
    state["solution"] = state_.solution.to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  return state;
}

void HessianFreeStep::restore(const TensorMap& state) {
  const auto lambda = state.find("lambda");
  const auto solution = state.find("solution");
  const size_t known = (lambda != state.end()) + (solution != state.end());
  require<CheckpointError>(
      lambda != state.end() && known == state.size() && lambda->second.numel() == 1 &&
          lambda->second.scalar_type() == at::kDouble,
      "the state is not one of hessian_free");
  const bool fits = solution == state.end() || (solution->second.scalar_type() == at::kDouble &&
                                                solution->second.sizes() == at::IntArrayRef({flat_size(parameters_)}));
  require<CheckpointError>(fits, "the state of hessian_free is of another model");
  state_.lambda = lambda->second.item<double>();
  state_.solution = solution == state.end() ? at::Tensor() : solution->second.to(parameters_.front().device()).clone();
}

}  // namespace proxprop::train
