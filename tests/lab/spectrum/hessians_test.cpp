// The matrices whose spectra are told, against matrices that are written down.

#include "lab/spectrum/first_layer.h"
#include "lab/spectrum/loss_hessian.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::spectrum {
namespace {

double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  return ((value - reference).norm() / reference.norm()).item<double>();
}

at::Tensor with_ones(const at::Tensor& a) {
  return at::cat({a, at::ones({a.size(0), 1}, a.options())}, 1);
}

TEST(FirstLayerHessian, OfALinearLayerIsTheGramOfItsInputs) {
  torch::manual_seed(1);
  const torch::nn::Sequential model(torch::nn::Flatten(), torch::nn::Linear(6, 4), torch::nn::ReLU(), torch::nn::Linear(4, 2));
  const at::Tensor input = torch::randn({9, 2, 3}, torch::kDouble);
  const at::Tensor a = input.reshape({9, 6});
  for (const bool bias : {true, false}) {
    FirstLayerHessian hessian(model, bias);
    hessian.add(input.narrow(0, 0, 5));
    hessian.add(input.narrow(0, 5, 4));
    const at::Tensor rows = bias ? with_ones(a) : a;
    EXPECT_EQ(hessian.rows(), 9);
    EXPECT_LE(relative_error(hessian.matrix(), at::mm(rows.t(), rows)), 1e-14);
  }
}

TEST(FirstLayerHessian, OfAConvolutionIsTheGramOfItsPatches) {
  torch::manual_seed(2);
  const torch::nn::Sequential model(torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 3, 3).padding(1).stride(2)));
  const at::Tensor input = torch::randn({4, 2, 6, 5}, torch::kDouble);
  FirstLayerHessian hessian(model, true);
  hessian.add(input);
  const at::Tensor patches = at::im2col(input, {3, 3}, {1, 1}, {1, 1}, {2, 2}).transpose(1, 2).reshape({-1, 18});
  EXPECT_EQ(hessian.rows(), patches.size(0));
  EXPECT_LE(relative_error(hessian.matrix(), at::mm(with_ones(patches).t(), with_ones(patches))), 1e-14);
}

TEST(FirstLayerHessian, AModelWithoutParametersIsRefused) {
  FirstLayerHessian hessian(torch::nn::Sequential(torch::nn::Flatten()), true);
  EXPECT_THROW(hessian.add(torch::ones({1, 2, 2}, torch::kDouble)), c10::Error);
}

class TinyNetwork : public ::testing::Test {
 protected:
  TinyNetwork() {
    torch::manual_seed(3);
    model = torch::nn::Sequential(torch::nn::Linear(3, 4), torch::nn::Tanh(), torch::nn::Linear(4, 3));
    model->to(torch::kDouble);
    input = torch::randn({10, 3}, torch::kDouble);
    labels = torch::randint(3, {10}, torch::kLong);
  }

  /// The parts, of five records each, add up to the mean loss.
  at::Tensor part(int64_t i) {
    return at::cross_entropy_loss(
               model->forward(input.narrow(0, 5 * i, 5)), labels.narrow(0, 5 * i, 5), {}, at::Reduction::Sum) / 10;
  }

  at::Tensor gradient() {
    std::vector<at::Tensor> flat;
    for (const at::Tensor& g : torch::autograd::grad({part(0) + part(1)}, model->parameters()))
      flat.push_back(g.reshape({-1}));
    return at::cat(flat);
  }

  torch::nn::Sequential model{nullptr};
  at::Tensor input, labels;
};

TEST_F(TinyNetwork, HessianProductsAreTheColumnsOfTheDenseHessian) {
  const LossHessian hessian(model->parameters(), 2, [this](int64_t i) { return part(i); });
  ASSERT_EQ(hessian.dimension(), 3 * 4 + 4 + 4 * 3 + 3);
  // Column by column by central differences of the gradient: error O(h^2) and rounding / h.
  constexpr double h = 1e-5;
  std::vector<at::Tensor> columns, products;
  int64_t column = 0;
  for (at::Tensor parameter : model->parameters()) {
    const at::Tensor entries = parameter.detach().view({-1});
    for (int64_t j = 0; j < entries.numel(); ++j, ++column) {
      const double value = entries[j].item<double>();
      entries[j] = value + h;
      const at::Tensor above = gradient();
      entries[j] = value - h;
      columns.push_back((above - gradient()) / (2 * h));
      entries[j] = value;
      const at::Tensor unit = torch::zeros({hessian.dimension()}, torch::kDouble);
      unit[column] = 1;
      products.push_back(hessian(unit));
    }
  }
  const at::Tensor dense = at::stack(columns, 1), product = at::stack(products, 1);
  EXPECT_LE(relative_error(product, dense), 1e-8);
  EXPECT_LE(relative_error(product, product.t()), 1e-13);
}

TEST_F(TinyNetwork, AParameterThatEntersLinearlyHasZeroRows) {
  const at::Tensor slope = torch::ones({2}, torch::kDouble).requires_grad_();
  const at::Tensor curved = torch::ones({1}, torch::kDouble).requires_grad_();
  const LossHessian hessian({slope, curved}, 1, [&](int64_t) { return slope.sum() + curved.pow(2).sum(); });
  EXPECT_TRUE(at::equal(hessian(torch::ones({3}, torch::kDouble)), torch::tensor({0.0, 0.0, 2.0}, torch::kDouble)));
}

}  // namespace
}  // namespace proxprop::spectrum
