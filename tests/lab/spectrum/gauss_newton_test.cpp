// Gauss-Newton products against the dense J^T H J, built row by row.

#include "lab/spectrum/gauss_newton.h"
#include "lab/loss.h"
#include "lab/spectrum/loss_hessian.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::spectrum {
namespace {

double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  return ((value - reference).norm() / reference.norm()).item<double>();
}

at::Tensor flat(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& like) {
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < tensors.size(); ++i)
    parts.push_back((tensors[i].defined() ? tensors[i] : at::zeros_like(like[i])).reshape({-1}));
  return at::cat(parts);
}

// Rows: outputs of all records; columns: parameters.
at::Tensor dense_jacobian(const at::Tensor& output, const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> rows;
  const at::Tensor entries = output.reshape({-1});
  for (int64_t i = 0; i < entries.numel(); ++i)
    rows.push_back(flat(torch::autograd::grad({entries[i]}, parameters, {}, true, false, true), parameters));
  return at::stack(rows);
}

at::Tensor dense_product(const GaussNewton& gauss_newton) {
  const at::Tensor units = at::eye(gauss_newton.dimension(), at::kDouble);
  std::vector<at::Tensor> columns;
  for (int64_t i = 0; i < units.size(0); ++i)
    columns.push_back(gauss_newton(units[i]));
  return at::stack(columns, 1);
}

// diag(p) - p p^T of each record, over the number of records.
at::Tensor dense_softmax_hessian(const at::Tensor& output) {
  const at::Tensor p = at::softmax(output, 1);
  std::vector<at::Tensor> blocks;
  for (int64_t i = 0; i < p.size(0); ++i)
    blocks.push_back((at::diag(p[i]) - at::outer(p[i], p[i])) / p.size(0));
  return at::block_diag(blocks);
}

class GaussNewtonOfATinyNetwork : public ::testing::Test {
 protected:
  GaussNewtonOfATinyNetwork() {
    torch::manual_seed(3);
    model = torch::nn::Sequential(
        torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 2, 2)), torch::nn::Tanh(), torch::nn::MaxPool2d(2),
        torch::nn::Flatten(), torch::nn::Linear(2, 4), torch::nn::ReLU(), torch::nn::Linear(4, 3));
    model->to(torch::kDouble);
    input = torch::randn({7, 1, 3, 3}, torch::kDouble);
  }

  /// In parts of so many records.
  GaussNewton of_cross_entropy(int64_t size) {
    std::vector<GaussNewton::Part> parts;
    for (const at::Tensor& records : input.split(size)) {
      const at::Tensor output = model->forward(records);
      const double share = static_cast<double>(records.size(0)) / static_cast<double>(input.size(0));
      parts.push_back({output, [at = output.detach(), share](const at::Tensor& change) {
                         return share * lab::CrossEntropy().hessian_product(at, change);
                       }});
    }
    return {model->parameters(), parts};
  }

  torch::nn::Sequential model{nullptr};
  at::Tensor input;
};

TEST_F(GaussNewtonOfATinyNetwork, ProductsAreThoseOfTheDenseMatrix) {
  const at::Tensor output = model->forward(input);
  const at::Tensor jacobian = dense_jacobian(output, model->parameters());
  const at::Tensor dense = at::linalg_multi_dot({jacobian.t(), dense_softmax_hessian(output.detach()), jacobian});
  for (const int64_t size : {7, 3})
    EXPECT_LE(relative_error(dense_product(of_cross_entropy(size)), dense), 1e-13) << size;
}

TEST_F(GaussNewtonOfATinyNetwork, IsPositiveSemidefinite) {
  const at::Tensor dense = dense_product(of_cross_entropy(7));
  const at::Tensor values = std::get<0>(at::linalg_eigh((dense + dense.t()) / 2));
  EXPECT_GE(values.min().item<double>(), -1e-15 * values.max().item<double>());
}

TEST(GaussNewton, OfALinearNetworkIsTheHessianOfItsLoss) {
  torch::manual_seed(5);
  torch::nn::Linear layer(4, 3);
  layer->to(torch::kDouble);
  const at::Tensor input = torch::randn({9, 4}, torch::kDouble);
  const at::Tensor labels = torch::randint(3, {9}, torch::kLong);
  const at::Tensor output = layer->forward(input);
  const GaussNewton gauss_newton(layer->parameters(), {{output, [at = output.detach()](const at::Tensor& change) {
                                                          return lab::CrossEntropy().hessian_product(at, change);
                                                        }}});
  const LossHessian hessian(
      layer->parameters(), 1, [&](int64_t) { return at::cross_entropy_loss(layer->forward(input), labels); });
  const at::Tensor v = torch::randn({gauss_newton.dimension()}, torch::kDouble);
  EXPECT_LE(relative_error(gauss_newton(v), hessian(v)), 1e-13);
}

}  // namespace
}  // namespace proxprop::spectrum
