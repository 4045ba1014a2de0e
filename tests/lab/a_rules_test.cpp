// The step rules of a against a dense solve with a matrix whose columns come from the layer alone.

#include "lab/a_rules.h"

#include "support/dense_reference.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

using proxprop::testing::relative_error;

struct Case {
  std::string name;
  LayerPtr layer;
  at::Tensor a;
};

at::Tensor random(std::vector<int64_t> size) {
  return torch::randn(size, torch::kDouble);
}

std::vector<Case> cases() {
  torch::manual_seed(5);
  return {
      {"wide", linear_layer(random({9, 4}), random({9})), random({5, 4})},
      {"narrow", linear_layer(random({3, 8}), random({3})), random({5, 8})},
      {"sequence", linear_layer(random({3, 8})), random({2, 4, 8})},
      {"conv1d", conv_layer(random({3, 2, 3}), random({3}), {3, {3}, {2}, {1}, {1}, 1}), random({2, 2, 7})},
      {"conv2d", conv_layer(random({4, 2, 3, 3}), random({4}), {4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}),
       random({2, 2, 5, 4})},
      {"grouped", conv_layer(random({4, 1, 3, 2}), {}, {4, {3, 2}, {2, 1}, {1, 0}, {1, 2}, 2}), random({2, 2, 6, 5})},
      {"conv3d", conv_layer(random({2, 2, 2, 2, 2}), random({2}), {2, {2, 2, 2}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, 1}),
       random({2, 2, 3, 3, 3})},
  };
}

// The layer's derivative with respect to its input, [outputs, inputs].
at::Tensor jacobian(const Layer& layer, const at::Tensor& a) {
  const auto constant = layer.apply(torch::zeros_like(a)).reshape({-1});
  std::vector<at::Tensor> columns;
  for (int64_t j = 0; j < a.numel(); ++j) {
    auto unit = torch::zeros_like(a);
    unit.view({-1})[j] = 1;
    columns.push_back(layer.apply(unit).reshape({-1}) - constant);
  }
  return torch::stack(columns, 1);
}

TEST(ARules, InputAdjointIsTheTransposedJacobian) {
  for (const Case& c : cases()) {
    const auto z = torch::randn_like(c.layer->apply(c.a));
    const auto expected = torch::mv(jacobian(*c.layer, c.a).t(), z.reshape({-1}));
    EXPECT_LT(relative_error(c.layer->input_adjoint(c.a, z).reshape({-1}), expected), 1e-13) << c.name;
    EXPECT_LT(check_adjoint(*c.layer->input_transfer(c.a), z), 1e-13) << c.name;
  }
}

TEST(ImplicitA, EqualsDenseLeastSquares) {
  for (const Case& c : cases()) {
    for (const double tau : {0.1, 1.0, 30.0}) {
      const double rho = 2, gamma = 0.5;
      const auto dz = torch::randn_like(c.layer->apply(c.a));
      const auto j = jacobian(*c.layer, c.a);
      const auto m = rho * torch::mm(j.t(), j) + (gamma + 1 / tau) * torch::eye(j.size(1), torch::kDouble);
      const auto expected = torch::linalg_solve(m, rho * torch::mv(j.t(), dz.reshape({-1})), true);
      const auto d = ImplicitA().displacement({*c.layer, c.a, dz, rho, gamma, tau});
      EXPECT_EQ(d.sizes(), c.a.sizes());
      EXPECT_LT(relative_error(d.reshape({-1}), expected), 1e-10) << c.name << " tau " << tau;
    }
  }
}

TEST(ImplicitA, Float32IsAccurate) {
  for (const Case& c : cases()) {
    const auto dz = torch::randn_like(c.layer->apply(c.a));
    const auto exact = ImplicitA().displacement({*c.layer, c.a, dz, 1, 1, 1});
    const auto single = c.layer->copy(torch::kFloat);
    const auto d = ImplicitA().displacement({*single, c.a.to(torch::kFloat), 1e-9 * dz.to(torch::kFloat), 1, 1, 1});
    EXPECT_LT(relative_error(1e9 * d.to(torch::kDouble), exact), 1e-5) << c.name;
  }
}

TEST(ImplicitA, TendsToTheExplicitStepForSmallStepSizes) {
  for (const Case& c : cases()) {
    const double tau = 1e-9;
    const auto dz = torch::randn_like(c.layer->apply(c.a));
    const auto implicit = ImplicitA().displacement({*c.layer, c.a, dz, 2, 0.5, tau});
    const auto explicit_step = ExplicitA().displacement({*c.layer, c.a, dz, 2, 0.5, tau});
    EXPECT_LT(relative_error(implicit, explicit_step), 1e-6) << c.name;
  }
}

TEST(ImplicitA, RefusesAMapThatIsNotKnownToBeAffine) {
  const auto layer = map_layer({random({3, 4, 4}).requires_grad_()}, [](at::TensorList theta, const at::Tensor& a) {
    return at::einsum("ni,oij,nj->no", {a, theta[0], a});
  });
  const auto a = random({5, 4});
  const auto dz = random({5, 3});
  EXPECT_NO_THROW(ExplicitA().displacement({*layer, a, dz, 1, 1, 1}));
  EXPECT_THROW(ImplicitA().displacement({*layer, a, dz, 1, 1, 1}), c10::Error);
}

}  // namespace
}  // namespace proxprop::lab
