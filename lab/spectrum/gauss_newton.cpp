#include "lab/spectrum/gauss_newton.h"

#include "lab/spectrum/flat_vector.h"

#include <torch/torch.h>

namespace proxprop::spectrum {

GaussNewton::GaussNewton(std::vector<at::Tensor> parameters, const std::vector<Part>& parts)
    : parameters_(std::move(parameters)), dimension_(flat_size(parameters_)) {
  const torch::AutoGradMode recorded(true);
  for (const Part& part : parts) {
    const at::Tensor u = at::zeros_like(part.output).requires_grad_();
    auto pulled = torch::autograd::grad(
        {part.output}, parameters_, {u}, /*retain_graph=*/true, /*create_graph=*/true, /*allow_unused=*/true);
    recorded_.push_back({part, u, std::move(pulled)});
  }
}

at::Tensor GaussNewton::operator()(const at::Tensor& v) const {
  TORCH_CHECK(
      v.dim() == 1 && v.numel() == dimension_, "the Gauss-Newton matrix has ", dimension_, " columns, got ", v.sizes());
  const std::vector<at::Tensor> direction = unflatten(v, parameters_);
  at::Tensor product = at::zeros({dimension_}, parameters_.front().options().dtype(at::kDouble).requires_grad(false));
  for (const Recorded& recorded : recorded_) {
    std::vector<at::Tensor> pulled, along;
    for (size_t i = 0; i < direction.size(); ++i) {
      // A parameter that enters linearly and alone, such as a last bias, still depends on u.
      if (recorded.pulled[i].defined() && recorded.pulled[i].requires_grad()) {
        pulled.push_back(recorded.pulled[i]);
        along.push_back(direction[i]);
      }
    }
    const at::Tensor change = torch::autograd::grad(pulled, {recorded.u}, along, /*retain_graph=*/true).front();
    const auto back = torch::autograd::grad(
        {recorded.part.output}, parameters_, {recorded.part.hessian(change)}, /*retain_graph=*/true,
        /*create_graph=*/false, /*allow_unused=*/true);
    add_flattened(product, back, parameters_);
  }
  return product;
}

}  // namespace proxprop::spectrum
