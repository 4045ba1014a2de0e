#include <proxprop/prox/linear_transfer.h>

#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

namespace proxprop {

std::vector<at::Tensor> LinearTransfer::accurate_adjoint(const at::Tensor& z) const {
  auto result = adjoint(z);
  for (auto& tensor : result) {
    tensor = tensor.to(at::kDouble);
  }
  return result;
}

int64_t LinearTransfer::row_count(const at::Tensor& z) const {
  const auto sizes = dimensions();
  return sizes ? sizes->rows : (z.dim() > 0 ? z.size(0) : 1);
}

std::vector<at::Tensor> LinearTransfer::parameter_rows(at::TensorList theta) const {
  const auto sizes = *dimensions();
  std::vector<at::Tensor> rows;
  rows.reserve(theta.size());
  for (const auto& parameter : theta) {
    rows.push_back(parameter.reshape({sizes.groups, sizes.outputs / sizes.groups, -1}));
  }
  return rows;
}

std::vector<at::Tensor> LinearTransfer::parameters_from_rows(at::TensorList rows) const {
  const auto shapes = parameter_shapes();
  std::vector<at::Tensor> theta;
  theta.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    theta.push_back(rows[i].reshape(shapes[i]));
  }
  return theta;
}

double LinearTransfer::product_flops() const {
  const auto sizes = dimensions();
  return sizes ? 2.0 * double(sizes->rows) * double(sizes->columns) * double(sizes->outputs) : 0.0;
}

Work LinearTransfer::apply_work() const {
  Work work;
  work[Kernel::library_product] = product_flops();
  if (const auto d = dimensions()) {  // where one side is small, passing over the operands takes longer than computing
    const auto rows = double(d->rows), columns = double(d->columns), outputs = double(d->outputs);
    work[Kernel::memory] = 4 * (rows * columns + rows * outputs + columns * outputs);
  }
  return work;
}

Work LinearTransfer::adjoint_work() const {
  return apply_work();
}

Work LinearTransfer::accurate_adjoint_work() const {
  return adjoint_work();
}

at::Tensor LinearTransfer::feature_gram() const {
  TORCH_INTERNAL_ASSERT(false, "this transfer offers no feature Gram");
}

std::vector<GramBlock> LinearTransfer::feature_gram_blocks() const {
  return {{feature_gram(), at::Tensor()}};
}

std::vector<int64_t> LinearTransfer::feature_block_sizes() const {
  const auto sizes = dimensions();
  return {sizes ? sizes->columns : 0};
}

Work LinearTransfer::feature_gram_work() const {
  Work work;
  if (const auto sizes = dimensions()) {  // one half
    work[Kernel::product64] = double(sizes->rows) * double(sizes->columns) * double(sizes->columns * sizes->groups);
  }
  return work;
}

SampleMatrix LinearTransfer::sample_matrix() const {
  TORCH_INTERNAL_ASSERT(false, "this transfer offers no sample matrix");
}

at::Tensor LinearTransfer::output_rows(const at::Tensor&) const {
  TORCH_INTERNAL_ASSERT(false, "this transfer offers no sample matrix");
}

at::Tensor LinearTransfer::output_from_rows(const at::Tensor&) const {
  TORCH_INTERNAL_ASSERT(false, "this transfer offers no sample matrix");
}

at::Tensor LinearTransfer::sample_gram() const {
  const auto samples = sample_matrix();
  auto gram = symmetric_gram(samples.matrix);
  return samples.ones ? gram.add_(1.0) : gram;
}

Work LinearTransfer::sample_gram_work() const {
  Work work;
  if (const auto sizes = dimensions()) {  // one half
    work[Kernel::product64] = double(sizes->rows) * double(sizes->rows) * double(sizes->columns * sizes->groups);
  }
  return work;
}

// Grams of several groups are made one by one and then joined.
double LinearTransfer::sample_gram_bytes() const {
  const auto sizes = dimensions();
  const auto joined = sizes && sizes->groups > 1 ? 8.0 * double(sizes->rows) * double(sizes->rows) : 0.0;
  return sample_matrix_bytes() + joined * (sizes ? double(sizes->groups) : 0.0);
}

double check_adjoint(const LinearTransfer& transfer, const at::Tensor& output_like) {
  std::vector<at::Tensor> x;
  for (const auto& shape : transfer.parameter_shapes()) {
    x.push_back(at::randn(shape, output_like.options()));
  }
  const auto y = at::randn_like(output_like);
  const auto image = transfer.apply(x);
  TORCH_CHECK(
      image.sizes() == y.sizes(), "proxprop: phi gives an output of shape ", image.sizes(), ", expected ", y.sizes());
  const auto adjoint = transfer.adjoint(y);
  TORCH_CHECK(
      adjoint.size() == x.size(), "proxprop: phi* gives ", adjoint.size(), " tensors for ", x.size(), " parameters");
  const auto left = (image.to(at::kDouble) * y.to(at::kDouble)).sum();
  auto right = at::zeros({}, left.options());
  for (size_t i = 0; i < x.size(); ++i) {
    TORCH_CHECK(
        adjoint[i].sizes() == x[i].sizes(), "proxprop: phi* gives shape ", adjoint[i].sizes(),
        " for a parameter of shape ", x[i].sizes());
    right += (adjoint[i].to(at::kDouble) * x[i].to(at::kDouble)).sum();
  }
  const auto scale = image.to(at::kDouble).norm() * y.to(at::kDouble).norm();
  return ((left - right).abs() / at::clamp_min(scale, 1e-300)).item<double>();
}

}  // namespace proxprop
