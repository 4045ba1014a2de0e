#include "train/muon.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace proxprop::train {
namespace {

namespace optim = torch::optim;

std::vector<optim::OptimizerParamGroup> groups(
    const std::vector<at::Tensor>& hidden_weights, const std::vector<at::Tensor>& others, const MuonOptions& options) {
  std::vector<optim::OptimizerParamGroup> result;
  result.emplace_back(hidden_weights, std::make_unique<MuonOptions>(options));
  result.emplace_back(others, std::make_unique<MuonOptions>(options));
  return result;
}

}  // namespace

Muon::Muon(
    const std::vector<at::Tensor>& hidden_weights,
    const std::vector<at::Tensor>& others,
    const MuonOptions& options,
    const optim::AdamWOptions& adam)
    : Optimizer(groups(hidden_weights, others, options), std::make_unique<MuonOptions>(options)),
      adam_(others, adam),
      adam_ratio_(adam.lr() / options.lr) {}

at::Tensor Muon::step(LossClosure closure) {
  at::Tensor loss;
  if (closure) {
    const at::AutoGradMode enable_grad(true);
    loss = closure();
  }
  const at::NoGradGuard no_grad;
  const auto& options = static_cast<const MuonOptions&>(param_groups().front().options());
  for (const at::Tensor& weight : hidden_weights()) {
    if (!weight.grad().defined())
      continue;
    auto& state = state_[weight.unsafeGetTensorImpl()];
    if (state == nullptr)
      state = std::make_unique<MuonParamState>();
    at::Tensor& buffer = static_cast<MuonParamState&>(*state).momentum_buffer;
    buffer = buffer.defined() ? buffer.mul_(options.momentum).add_(weight.grad()) : weight.grad().clone();
    const at::Tensor matrix = at::add(weight.grad(), buffer, options.momentum).flatten(1);
    const double aspect = static_cast<double>(matrix.size(0)) / static_cast<double>(matrix.size(1));
    const double length = options.lr * std::sqrt(std::max(1.0, aspect));
    weight.mul_(1 - options.lr * options.weight_decay);
    weight.sub_(newton_schulz(matrix, options.ns_steps).view_as(weight), length);
  }
  adam_.param_groups().front().options().set_lr(options.lr * adam_ratio_);
  adam_.step();
  return loss;
}

at::Tensor newton_schulz(const at::Tensor& g, int64_t steps) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  const bool tall = g.size(0) > g.size(1);
  at::Tensor x = tall ? g.t() : g;  // the smaller of the two Gram matrices
  const at::Tensor norm = x.norm();
  x = x / at::where(norm > 0, norm, at::ones_like(norm));
  for (int64_t step = 0; step < steps; ++step) {
    const at::Tensor gram = at::mm(x, x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, b, c), x, a);
  }
  return (tall ? x.t() : x).contiguous();
}

}  // namespace proxprop::train
