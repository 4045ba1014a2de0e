#include <proxprop/prox/transfers.h>

#include "prox/dense_product.h"
#include "prox/scratch.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace proxprop {

DenseTransfer::DenseTransfer(const at::Tensor& input, int64_t out_features, Trained trained)
    : out_features_(out_features), trained_(trained) {
  TORCH_CHECK(input.dim() >= 1, "proxprop: a dense transfer needs an input of shape [*, in_features], got a scalar");
  TORCH_CHECK(trained.weight || trained.bias, "proxprop: neither weight nor bias is trained");
  input_ = input.reshape({-1, input.size(-1)});
  leading_sizes_ = input.sizes().slice(0, input.dim() - 1).vec();
}

std::vector<std::vector<int64_t>> DenseTransfer::parameter_shapes() const {
  std::vector<std::vector<int64_t>> shapes;
  if (trained_.weight) {
    shapes.push_back({out_features_, input_.size(1)});
  }
  if (trained_.bias) {
    shapes.push_back({out_features_});
  }
  return shapes;
}

at::Tensor DenseTransfer::apply(at::TensorList theta) const {
  auto sizes = leading_sizes_;
  sizes.push_back(out_features_);
  at::Tensor rows;
  if (trained_.weight && trained_.bias) {
    rows = at::addmm(theta[1], input_, theta[0].t());
  } else if (trained_.weight) {
    rows = at::mm(input_, theta[0].t());
  } else {
    rows = theta[0].expand({input_.size(0), out_features_});
  }
  return rows.reshape(sizes);
}

std::vector<at::Tensor> DenseTransfer::adjoint(const at::Tensor& z) const {
  const auto rows = z.reshape({-1, out_features_});
  std::vector<at::Tensor> theta;
  if (trained_.weight) {
    theta.push_back(matrix_product(rows.t(), input_));
  }
  if (trained_.bias) {
    theta.push_back(rows.sum(0));
  }
  return theta;
}

std::vector<at::Tensor> DenseTransfer::accurate_adjoint(const at::Tensor& z) const {
  const auto rows = z.reshape({-1, out_features_});
  std::vector<at::Tensor> theta;
  if (trained_.weight) {
    theta.push_back(accurate_product(rows.t(), input_));
  }
  if (trained_.bias) {
    theta.push_back(rows.sum({0}, /*keepdim=*/false, at::kDouble));
  }
  return theta;
}

std::optional<std::vector<int64_t>> DenseTransfer::output_shape() const {
  auto shape = leading_sizes_;
  shape.push_back(out_features_);
  return shape;
}

std::optional<Dimensions> DenseTransfer::dimensions() const {
  return Dimensions{input_.size(0), (trained_.weight ? input_.size(1) : 0) + (trained_.bias ? 1 : 0), out_features_, 1};
}

Work DenseTransfer::adjoint_work() const {
  auto work = apply_work();
  std::swap(work[Kernel::library_product], work[Kernel::product]);
  return work;
}

Work DenseTransfer::accurate_adjoint_work() const {
  auto work = apply_work();
  std::swap(work[Kernel::library_product], work[Kernel::product64]);
  return work;
}

at::Tensor DenseTransfer::feature_gram() const {
  const auto columns = dimensions()->columns, d = columns - (trained_.bias ? 1 : 0);
  const auto gram = input_.is_cpu() ? scratch({columns, columns})
                                    : at::empty({columns, columns}, input_.options().dtype(at::kDouble));
  if (trained_.weight) {
    fill_symmetric_gram(input_.t(), gram.narrow(0, 0, d).narrow(1, 0, d));
  }
  if (trained_.bias) {
    if (trained_.weight) {
      // Not `sum` in float64, which makes a float64 copy of the input first.
      const auto sums = accurate_product(at::ones({1, input_.size(0)}, input_.options()), input_).squeeze(0);
      gram.select(0, d).narrow(0, 0, d).copy_(sums);
      gram.select(1, d).narrow(0, 0, d).copy_(sums);
    }
    gram.select(0, d).select(0, d).fill_(double(input_.size(0)));
  }
  return gram.unsqueeze(0);
}

SampleMatrix DenseTransfer::sample_matrix() const {
  return {(trained_.weight ? input_ : input_.narrow(1, 0, 0)).unsqueeze(0), trained_.bias};
}

at::Tensor DenseTransfer::output_rows(const at::Tensor& z) const {
  return z.reshape({1, -1, out_features_});
}

at::Tensor DenseTransfer::output_from_rows(const at::Tensor& rows) const {
  return rows.reshape(*output_shape());
}

}  // namespace proxprop
