// The method of auxiliary coordinates: both half iterations decrease the objective, and where mu grows the constraints
// are met at a stationary point of the network's own loss.

#include "lab/batch/auxiliary_coordinates.h"
#include "networks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace proxprop::batch {
namespace {

using lab::Batch;
using lab::CrossEntropy;
using lab::SquaredError;
using testing::activations;
using testing::mlp;

Batch classification() {
  torch::manual_seed(7);
  return {torch::randn({40, 5}, torch::kDouble), torch::randint(3, {40}, torch::kLong)};
}

// A smooth function of few inputs.
Batch regression() {
  torch::manual_seed(8);
  const at::Tensor input = torch::randn({30, 2}, torch::kDouble);
  const at::Tensor target = at::stack({at::sin(2 * input.select(1, 0)), input.prod(1)}, 1);
  return {input, target};
}

TEST(AuxiliaryCoordinates, BeginWhereTheConstraintsAreMet) {
  const Batch batch = classification();
  const CrossEntropy loss;
  AuxiliaryCoordinates mac(mlp({5, 6, 4, 3}, activations()[0]), loss, {});
  mac.start(batch.input);
  EXPECT_EQ(mac.violation(batch.input), 0);
  const double nested = loss.value(mac.network().forward(batch.input).z.back(), batch.targets).item<double>();
  EXPECT_NEAR(mac.objective(batch, 3), nested, 1e-14);
}

TEST(AuxiliaryCoordinates, EveryHalfIterationDecreasesTheObjective) {
  const CrossEntropy cross_entropy;
  const SquaredError squared;
  for (const auto& activation : activations()) {
    for (const double mu : {0.01, 1.0, 100.0}) {
      for (const bool classes : {true, false}) {
        const Batch batch = classes ? classification() : regression();
        const lab::Loss& loss = classes ? static_cast<const lab::Loss&>(cross_entropy) : squared;
        AuxiliaryCoordinates mac(mlp({batch.input.size(1), 8, 6, classes ? 3 : 2}, activation), loss, {});
        mac.start(batch.input);
        double before = mac.objective(batch, mu);
        const double first = before;
        for (int i = 0; i < 12; ++i) {
          mac.step_z(batch, mu);
          const double after_z = mac.objective(batch, mu);
          EXPECT_LE(after_z, before * (1 + 1e-12)) << activation->name() << " mu " << mu << " iteration " << i;
          mac.step_w(batch);
          before = mac.objective(batch, mu);
          EXPECT_LE(before, after_z * (1 + 1e-12)) << activation->name() << " mu " << mu << " iteration " << i;
        }
        EXPECT_LT(before, 0.9 * first) << activation->name() << " mu " << mu;
      }
    }
  }
}

// Given Z, the output layer's least squares are solved in one step.
TEST(AuxiliaryCoordinates, TheOutputLayerTakesTheLeastSquaresStep) {
  const Batch batch = regression();
  const SquaredError loss;
  AuxiliaryCoordinates mac(mlp({2, 8, 2}, activations()[0]), loss, {});
  mac.start(batch.input);
  mac.step_w(batch);
  const at::Tensor a = at::cat({mac.coordinates().back(), torch::ones({30, 1}, torch::kDouble)}, 1);
  const at::Tensor expected = at::mm(at::linalg_pinv(a), batch.targets).t();
  const auto parameters = mac.network().layer(1).parameters();
  const at::Tensor found = at::cat({parameters[0], parameters[1].unsqueeze(1)}, 1).detach();
  EXPECT_LE((found - expected).norm().item<double>(), 1e-8 * expected.norm().item<double>());
}

// The law of the quadratic penalty: mu (z - f(z)) tends to the multipliers, so that the violation falls as 1 / mu^2 and
// the network's own gradient, which vanishes at a KKT point of the constrained problem, as 1 / mu. The last weight is
// fixed: with z / t and t times the weight the penalty is as small as one likes, and there would be no minimiser.
TEST(AuxiliaryCoordinates, WithGrowingMuReachAKktPointOfTheConstrainedProblem) {
  lab::Network network = mlp({2, 2}, activations()[0]);
  const at::Tensor weight = torch::tensor({{1.0, 0.3}, {-0.2, 0.8}}, torch::kDouble);
  const at::Tensor bias = torch::zeros({2}, torch::kDouble).requires_grad_();
  network.stage(lab::activation_stage(activations()[0])).layer(lab::linear_layer(weight, bias));
  torch::manual_seed(9);
  const at::Tensor input = torch::randn({40, 2}, torch::kDouble);
  // What the network gives, and noise that it cannot fit: the multipliers are not zero.
  const at::Tensor output = network.forward(input).z.back();
  const Batch batch{input, output + 0.3 * torch::randn_like(output)};
  const SquaredError loss;
  AuxiliaryCoordinatesOptions options;
  options.cg_iterations = 30;
  options.cg_tolerance = 1e-10;
  AuxiliaryCoordinates mac(network, loss, options);
  mac.start(batch.input);

  const auto gradient_norm = [&] {
    std::vector<at::Tensor> parameters;
    for (int64_t l = 0; l < 2; ++l)
      for (const at::Tensor& parameter : network.layer(l).parameters())
        parameters.push_back(parameter);
    const at::Tensor hidden = at::tanh(at::linear(batch.input, parameters[0], parameters[1]));
    const at::Tensor fitted = at::linear(hidden, weight, bias);
    double sum = 0;
    for (const at::Tensor& g : torch::autograd::grad({loss.value(fitted, batch.targets)}, parameters))
      sum += g.square().sum().item<double>();
    return std::sqrt(sum);
  };
  std::vector<double> violations, gradients;
  for (const double mu : {1.0, 5.0, 25.0}) {
    for (int i = 0; i < 100 * mu; ++i) {
      mac.step_z(batch, mu);
      mac.step_w(batch);
    }
    violations.push_back(mac.violation(batch.input));
    gradients.push_back(gradient_norm());
  }
  EXPECT_LT(violations[1], violations[0] / 5);
  EXPECT_LT(gradients[1], gradients[0] / 2);
  EXPECT_LT(violations[2], violations[1] / 15);  // tends to a 25th
  EXPECT_LT(gradients[2], gradients[1] / 3);     // to a 5th
}

TEST(AuxiliaryCoordinates, ANetworkWithMoreThanActivationsBetweenLayersIsRefused) {
  lab::Network network = mlp({5, 6}, activations()[0]);
  network.stage(lab::function_stage([](const at::Tensor& x) { return 2 * x; }));
  network.layer(lab::linear_layer(torch::randn({3, 6}, torch::kDouble).requires_grad_()));
  const CrossEntropy loss;
  EXPECT_THROW(AuxiliaryCoordinates(network, loss, {}), c10::Error);
}

}  // namespace
}  // namespace proxprop::batch
