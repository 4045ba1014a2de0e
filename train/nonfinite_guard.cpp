#include "train/nonfinite_guard.h"

#include "train/errors.h"

#include <torch/utils.h>

#include <cmath>
#include <utility>

namespace proxprop::train {
namespace {

constexpr int64_t kMostInARow = 20;

// One pass without a tensor of booleans: NaN and infinity survive a sum. A sum of finite numbers can overflow.
bool is_finite(const at::Tensor& tensor) {
  return std::isfinite(tensor.sum().item<double>()) || tensor.isfinite().all().item<bool>();
}

std::string nonfinite_gradient(const torch::nn::Module& model) {
  for (const auto& parameter : model.named_parameters()) {
    if (parameter->grad().defined() && !is_finite(parameter->grad()))
      return parameter.key();
  }
  return "";
}

// The first layer that makes something else than numbers of this batch.
std::string nonfinite_layer(torch::nn::Sequential& model, const at::Tensor& input) {
  const torch::NoGradGuard no_grad;
  const auto children = model->named_children();
  at::Tensor activation = input;
  for (size_t i = 0; i < model->size(); ++i) {
    activation = (model->begin() + static_cast<std::ptrdiff_t>(i))->forward(activation);
    if (!is_finite(activation))
      return children[i].key();
  }
  return "";
}

}  // namespace

NonfinitePolicy nonfinite_policy(const std::string& name) {
  if (name == "stop")
    return NonfinitePolicy::stop;
  if (name == "skip")
    return NonfinitePolicy::skip;
  require<ConfigError>(name == "reduce", "train.on_nonfinite must be stop, skip or reduce, got '", name, "'");
  return NonfinitePolicy::reduce;
}

std::string nonfinite_parameter(const torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : model.named_parameters()) {
    if (!is_finite(*parameter))
      return parameter.key();
  }
  return "";
}

NonfiniteGuard::NonfiniteGuard(torch::nn::Sequential model, NonfinitePolicy policy, bool on_gpu)
    : model_(std::move(model)), policy_(policy), on_gpu_(on_gpu) {}

void NonfiniteGuard::before_forward() {
  buffers_.clear();
  if (policy_ == NonfinitePolicy::stop)
    return;
  for (const at::Tensor& buffer : model_->buffers())
    buffers_.push_back(buffer.clone());
}

bool NonfiniteGuard::finite(const at::Tensor& loss) const {
  if (policy_ == NonfinitePolicy::stop)
    return on_gpu_ || std::isfinite(loss.item<double>());
  return std::isfinite(loss.item<double>()) && nonfinite_gradient(*model_).empty();
}

std::string NonfiniteGuard::refuse(const at::Tensor& loss, const at::Tensor& input, int64_t step) {
  const std::string lost = nonfinite_parameter(*model_);
  require<DivergedError>(
      lost.empty(), "training diverged: ", lost, " was not finite before step ", step, "; try a smaller optimizer.lr");
  std::string what =
      "the loss is " + std::to_string(loss.item<double>()) + " at step " + std::to_string(step) + ", " + cause(input);
  require<DivergedError>(
      policy_ != NonfinitePolicy::stop, "training diverged: ", what,
      "; try a smaller optimizer.lr, or train.on_nonfinite = skip or reduce");
  require<DivergedError>(
      ++refused_in_a_row_ < kMostInARow, "training diverged: ", what, ", the ", kMostInARow,
      "th step in a row that could not be taken; try a smaller optimizer.lr");

  const torch::NoGradGuard no_grad;
  const std::vector<at::Tensor> buffers = model_->buffers();
  for (size_t i = 0; i < buffers_.size(); ++i)
    buffers[i].copy_(buffers_[i]);
  if (policy_ == NonfinitePolicy::skip)
    return what + "; the step is skipped";
  lr_factor_ /= 2;
  return what + "; the step is skipped and the learning rate halved";
}

std::string NonfiniteGuard::cause(const at::Tensor& input) {
  if (!is_finite(input))
    return "the batch holds numbers that are not finite";
  if (const std::string layer = nonfinite_layer(model_, input); !layer.empty())
    return "layer " + layer + " is the first whose output is not finite";
  if (const std::string name = nonfinite_gradient(*model_); !name.empty())
    return "the direction of " + name + " is not finite";
  return "all layers' outputs are finite";
}

void NonfiniteGuard::restore(State state) {
  lr_factor_ = state.lr_factor;
  refused_in_a_row_ = state.refused_in_a_row;
}

}  // namespace proxprop::train
