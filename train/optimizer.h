#pragma once

#include "train/config.h"
#include "train/safetensors.h"

#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <memory>

namespace proxprop::train {

/// Numbers, names, and what an optimizer does not have. Throws ConfigError.
void check_optimizer(const OptimizerConfig& config);

/// The configured optimizer over the parameters of `model`. A proximal layer's `.grad` is the proximal direction, so
/// that every one of them works with every method, except `lbfgs` (see check_config).
///   sgd       theta -= lr * (v + weight_decay * theta), v the direction
///   momentum  u = momentum * u + v;  theta -= lr * u
///   nesterov  u = momentum * u + v;  theta -= lr * (v + momentum * u)            (torch's form)
///   adam, adamw, rmsprop   as in torch.optim
///   adagrad   as in torch.optim (Duchi, Hazan, Singer, JMLR 2011); eps is their delta
///   muon      train/muon.h; the hidden weights are those of two dimensions and more between the first layer that has
///             such and the last layer
///   entropy_sgd  train/entropy_sgd.h
///   lbfgs     train/lbfgs.h; one step is up to lbfgs_max_iter iterations
/// Throws ConfigError.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const OptimizerConfig& config, const torch::nn::Module& model);

double learning_rate(const torch::optim::Optimizer& optimizer);
void set_learning_rate(torch::optim::Optimizer& optimizer, double lr);

/// The state as "<parameter>.<quantity>", e.g. "1.weight.exp_avg"; numbers become tensors without dimensions. L-BFGS
/// keeps one state for all parameters together, under the name of the first. Tensors are copies.
TensorMap optimizer_state(torch::optim::Optimizer& optimizer, const torch::nn::Module& model);

/// The inverse. Throws CheckpointError when the state is of another optimizer or model; then nothing has changed.
void restore_optimizer_state(
    torch::optim::Optimizer& optimizer, const torch::nn::Module& model, const TensorMap& state);

}  // namespace proxprop::train
