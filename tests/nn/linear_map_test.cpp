// A proximal layer from any linear map.

#include "support/modules.h"

#include <proxprop/proxprop.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::testing {
namespace {

at::Tensor bilinear(at::TensorList theta, const at::Tensor& input) {
  return torch::einsum("ni,oij,nj->no", {input, theta[0], input}) + theta[1];
}

nn::LinearMap make_bilinear(Solver solver) {
  return nn::LinearMap(
      nn::LinearMapImpl::NamedParameters{
          {"weight", torch::randn({3, 4, 4}, torch::kDouble)}, {"bias", torch::randn({3}, torch::kDouble)}},
      bilinear, nn::LinearMapOptions().tau_theta(0.4).solver(solver));
}

TEST(LinearMap, OneLineMakesAProximalLayer) {
  torch::manual_seed(0);
  auto layer = make_bilinear(Cholesky{});
  const auto input = torch::randn({6, 4}, torch::kDouble).requires_grad_();
  const auto output = layer(input);
  const auto g = torch::randn_like(output);
  output.backward(g);

  const auto parameters = layer->parameters();
  const FunctionTransfer transfer(
      {{3, 4, 4}, {3}}, [&](at::TensorList theta) { return bilinear(theta, input.detach()); },
      [](const at::Tensor&) { return std::vector<at::Tensor>{}; });
  EXPECT_LE(relative_error(gradients(*layer), dense_direction(transfer, g, 0.4)), 1e-10);

  const auto plain = input.detach().clone().requires_grad_();
  const auto reference = torch::autograd::grad({bilinear(parameters, plain)}, {plain}, {g})[0];
  EXPECT_LE(relative_error(input.grad(), reference), 1e-14);
}

TEST(LinearMap, ConjugateGradientIsADescentDirection) {
  for (const int64_t iterations : {1, 3, 10}) {
    auto layer = make_bilinear(ConjugateGradient{iterations});
    const auto input = torch::randn({6, 4}, torch::kDouble);
    const auto loss = layer(input).square().sum();
    loss.backward();
    const auto parameters = layer->parameters();
    const auto gradient = torch::autograd::grad({bilinear(parameters, input).square().sum()}, parameters);
    EXPECT_GT(flatten(gradient).dot(gradients(*layer)).item<double>(), 0.0);
  }
}

TEST(LinearMap, CheckTellsALinearMapFromOthers) {
  const auto input = torch::randn({6, 4}, torch::kDouble);
  EXPECT_LE(make_bilinear(Cholesky{})->check_linear(input), 1e-12);
  nn::LinearMap affine(
      nn::LinearMapImpl::NamedParameters{{"weight", torch::randn({3, 4}, torch::kDouble)}},
      [](at::TensorList theta, const at::Tensor& a) { return torch::matmul(a, theta[0].t()) + 1.0; });
  EXPECT_GT(affine->check_linear(input), 1e-3);
}

TEST(LinearMap, AWrongAdjointIsFound) {
  const auto a = torch::randn({5, 4}, torch::kDouble);
  const FunctionTransfer right(
      {{3, 4}}, [&](at::TensorList theta) { return a.matmul(theta[0].t()); },
      [&](const at::Tensor& z) { return std::vector<at::Tensor>{z.t().matmul(a)}; });
  const FunctionTransfer wrong(
      {{3, 4}}, [&](at::TensorList theta) { return a.matmul(theta[0].t()); },
      [&](const at::Tensor& z) { return std::vector<at::Tensor>{z.t().matmul(a) * 1.01}; });
  const auto output = torch::empty({5, 3}, torch::kDouble);
  EXPECT_LE(check_adjoint(right, output), 1e-14);
  EXPECT_GT(check_adjoint(wrong, output), 1e-5);
}

TEST(LinearMap, FrozenParametersAreConstants) {
  auto layer = make_bilinear(Cholesky{});
  layer->named_parameters()["bias"].set_requires_grad(false);
  layer(torch::randn({6, 4}, torch::kDouble)).sum().backward();
  EXPECT_TRUE(layer->named_parameters()["weight"].grad().defined());
  EXPECT_FALSE(layer->named_parameters()["bias"].grad().defined());
}

TEST(LinearMap, ATransposedConvolutionIsOne) {
  nn::LinearMap layer(
      nn::LinearMapImpl::NamedParameters{{"weight", torch::randn({2, 3, 3, 3}, torch::kDouble)}},
      [](at::TensorList theta, const at::Tensor& a) { return torch::conv_transpose2d(a, theta[0], {}, 2); },
      nn::LinearMapOptions().tau_theta(0.5).solver(Cholesky{}));
  const auto input = torch::randn({2, 2, 4, 4}, torch::kDouble);
  EXPECT_LE(layer->check_linear(input), 1e-12);
  const auto output = layer(input);
  const auto g = torch::randn_like(output);
  output.backward(g);
  const FunctionTransfer transfer(
      {{2, 3, 3, 3}}, [&](at::TensorList theta) { return torch::conv_transpose2d(input, theta[0], {}, 2); },
      [](const at::Tensor&) { return std::vector<at::Tensor>{}; });
  EXPECT_LE(relative_error(gradients(*layer), dense_direction(transfer, g, 0.5)), 1e-10);
}

TEST(LinearMap, CloneIsIndependent) {
  auto layer = make_bilinear(ConjugateGradient{2});
  const auto copy = std::dynamic_pointer_cast<nn::LinearMapImpl>(layer->clone());
  ASSERT_TRUE(copy);
  copy->forward(torch::randn({6, 4}, torch::kDouble)).sum().backward();
  EXPECT_FALSE(layer->parameters()[0].grad().defined());
  EXPECT_TRUE(copy->parameters()[0].grad().defined());
}

}  // namespace
}  // namespace proxprop::testing
