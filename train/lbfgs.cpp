#include "train/lbfgs.h"

#include "lab/spectrum/flat_vector.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace proxprop::train {
namespace {

namespace optim = torch::optim;

std::vector<optim::OptimizerParamGroup> one_group(std::vector<at::Tensor> parameters, const LbfgsOptions& options) {
  std::vector<optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::move(parameters), std::make_unique<LbfgsOptions>(options));
  return groups;
}

at::Tensor flat(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& parameters) {
  at::Tensor v = at::zeros(
      {spectrum::flat_size(parameters)}, parameters.front().options().dtype(at::kDouble).requires_grad(false));
  spectrum::add_flattened(v, tensors, parameters);
  return v;
}

void assign(const std::vector<at::Tensor>& parameters, const at::Tensor& x) {
  const std::vector<at::Tensor> parts = spectrum::unflatten(x, parameters);
  for (size_t i = 0; i < parameters.size(); ++i)
    parameters[i].copy_(parts[i]);
}

double precision_of(const at::Tensor& parameter) {
  return parameter.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                : double(std::numeric_limits<float>::epsilon());
}

}  // namespace

Lbfgs::Lbfgs(std::vector<at::Tensor> parameters, const LbfgsOptions& options)
    : Optimizer(one_group(std::move(parameters), options), std::make_unique<LbfgsOptions>(options)) {}

at::Tensor Lbfgs::step(LossClosure closure) {
  TORCH_CHECK(closure != nullptr, "proxprop: L-BFGS evaluates the loss several times in a step and needs a closure");
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor>& parameters = param_groups().front().params();
  const auto& options = static_cast<const LbfgsOptions&>(param_groups().front().options());
  auto& state = state_[parameters.front().unsafeGetTensorImpl()];
  if (state == nullptr)
    state = std::make_unique<LbfgsParamState>();

  at::Tensor before;
  const auto objective = [&](const at::Tensor& x) {
    assign(parameters, x);
    at::Tensor loss;
    {
      const at::AutoGradMode enable_grad(true);
      loss = closure().detach();
    }
    if (!before.defined())
      before = loss;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : parameters)
      gradients.push_back(parameter.grad());
    return batch::Evaluation{flat(parameters, parameters), loss.item<double>(), flat(gradients, parameters)};
  };
  batch::LbfgsOptions lbfgs;
  lbfgs.history_size = options.history_size;
  lbfgs.max_iter = options.max_iter;
  lbfgs.step = options.lr;
  lbfgs.cosine = 16 * precision_of(parameters.front());
  lbfgs.line_search.rounding = std::sqrt(precision_of(parameters.front()));
  const batch::LbfgsResult result =
      batch::lbfgs(objective, flat(parameters, parameters), lbfgs, static_cast<LbfgsParamState&>(*state).history);
  assign(parameters, result.last.x);  // the last that was tried may be another
  return before;
}

}  // namespace proxprop::train
