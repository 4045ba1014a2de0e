#include "train/rules/locoprop_rule.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop::train {

// In the displacement D = W_0 - W, so that nothing is a small difference of large numbers:
// dF/dW = -(phi* phi D / S + D / eta - gamma dJ/dW), and D_0 = 0.
std::vector<at::Tensor> LocoPropRule::direction(const LayerPass& pass) {
  const auto transfer = pass.transfer(pass.all());
  const auto rows = static_cast<double>(transfer->row_count(pass.grad_output));
  const std::vector<at::Tensor> gradient = transfer->adjoint(pass.grad_output);
  std::vector<at::Tensor> displacement;
  for (const at::Tensor& part : gradient)
    displacement.push_back(part * (options_.lr * options_.gamma));
  for (int64_t iteration = 1; iteration < options_.t; ++iteration) {
    const double left = 1 - static_cast<double>(iteration) / static_cast<double>(options_.t);
    const double lr = options_.lr * std::max(left, 0.25);
    const std::vector<at::Tensor> image = transfer->adjoint(transfer->apply(displacement));
    for (size_t i = 0; i < gradient.size(); ++i) {
      displacement[i].mul_(1 - lr / options_.eta);
      displacement[i].add_(image[i], -lr / rows);
      displacement[i].add_(gradient[i], lr * options_.gamma);
    }
  }
  return displacement;
}

RulePlan LocoPropRule::plan(const LinearTransfer&) const {
  return {
      "locoprop_s", "matrix-free",
      std::to_string(options_.t) + " gradient descent iterations on the layer's local objective"};
}

}  // namespace proxprop::train
