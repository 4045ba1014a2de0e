#include "lab/spectrum/loss_hessian.h"

#include "lab/spectrum/flat_vector.h"

#include <torch/torch.h>

namespace proxprop::spectrum {

LossHessian::LossHessian(std::vector<at::Tensor> parameters, int64_t parts, std::function<at::Tensor(int64_t)> part)
    : parameters_(std::move(parameters)), parts_(parts), part_(std::move(part)), dimension_(flat_size(parameters_)) {}

at::Tensor LossHessian::operator()(const at::Tensor& v) const {
  TORCH_CHECK(v.dim() == 1 && v.numel() == dimension_, "the Hessian has ", dimension_, " columns, got ", v.sizes());
  const std::vector<at::Tensor> direction = unflatten(v, parameters_);
  at::Tensor product = at::zeros({dimension_}, at::kDouble);
  for (int64_t i = 0; i < parts_; ++i) {
    const auto gradient =
        torch::autograd::grad({part_(i)}, parameters_, {}, /*retain_graph=*/true, /*create_graph=*/true);
    at::Tensor along;
    for (size_t p = 0; p < parameters_.size(); ++p) {
      const at::Tensor part = (gradient[p] * direction[p]).sum();
      along = along.defined() ? along + part : part;
    }
    // A bias may enter the loss linearly; then nothing of the gradient depends on it.
    const auto second = torch::autograd::grad(
        {along}, parameters_, {}, /*retain_graph=*/false, /*create_graph=*/false, /*allow_unused=*/true);
    add_flattened(product, second, parameters_);
  }
  return product;
}

}  // namespace proxprop::spectrum
