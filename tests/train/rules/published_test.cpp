// What the authors of these methods prove or print, found again: theorems on small problems, and ISAAC's example.

#include "layer_cases.h"
#include "train/method.h"
#include "train/rules/isaac_rule.h"
#include "train/rules/kfac_rule.h"
#include "train/rules/locoprop_rule.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>

namespace proxprop::train {
namespace {

const auto float64 = at::TensorOptions(at::kDouble);

LayerCase small_linear_case(int64_t records, int64_t inputs) {
  return linear_case(at::randn({records, inputs}, float64), at::randn({records, 4}, float64) / records);
}

// Benzing 2022 derives FOOF as gradient descent on neurons: with no more records than inputs and lambda to 0, the
// layer's outputs move along the gradients of the records' own losses. The share that is missing is S lambda /
// (S lambda + eigenvalue of A A^T).
TEST(Foof, MovesTheOutputsOfTheLayerAlongTheirGradients) {
  torch::manual_seed(1);
  const LayerCase c = small_linear_case(5, 12);
  const double smallest = at::linalg_eigvalsh(at::mm(c.rows, c.rows.t()))[0].item<double>();
  MethodConfig method;
  method.name = "foof";
  for (const double lambda : {1e-1, 1e-3, 1e-5}) {
    method.foof_lambda = lambda;
    SolverState state;
    const auto transfer = c.transfer({});
    const auto step = proximal_direction(*transfer, c.grad_output, *proximal_options(method), &state).direction;
    const double missing = relative_error(transfer->apply(step), c.row_count() * c.grad_output);
    EXPECT_LE(missing, c.row_count() * lambda / smallest + 1e-9) << lambda;
    EXPECT_GT(missing, 0) << lambda;
  }
}

// The example that stands at the end of isaac/isaac.py in the authors' repository, with what it prints (torch's
// generator, seed 0).
TEST(Isaac, GivesTheNumbersThatItsAuthorsPrint) {
  torch::manual_seed(0);
  const at::Tensor x = torch::randn({30, 8}), y = torch::randn({30, 5});
  const torch::nn::Linear layer(8, 5);
  const at::Tensor grad = 2 * (at::linear(x, layer->weight, layer->bias).detach() - y) / y.numel();
  const LayerPass pass{30, grad, {layer->weight, layer->bias}, [&](Trained trained) {
                         return std::make_unique<DenseTransfer>(x, 5, trained);
                       }};
  const at::Tensor weight =
      at::tensor({0.0074,  0.0095,  -0.0056, -0.0040, -0.0136, 0.0001,  0.0160,  -0.0047, -0.0099, -0.0106,
                  -0.0178, 0.0148,  0.0111,  -0.0037, 0.0032,  -0.0133, 0.0030,  0.0048,  0.0138,  -0.0168,
                  0.0078,  -0.0085, -0.0059, 0.0053,  -0.0073, 0.0105,  0.0100,  0.0042,  -0.0141, -0.0003,
                  -0.0043, -0.0115, 0.0144,  -0.0073, -0.0026, -0.0101, -0.0090, 0.0182,  -0.0152, 0.0095})
          .view({5, 8});
  const at::Tensor bias = at::tensor({-0.1162, 0.1062, -0.1275, -0.0206, -0.1149});
  const auto direction = IsaacRule(0.1).direction(pass);
  constexpr double kPrinted = 5.1e-5;  // half of the last printed digit, and float32
  EXPECT_LE((direction[0] - weight).abs().max().item<double>(), kPrinted);
  EXPECT_LE((direction[1] - bias).abs().max().item<double>(), kPrinted);
}

// Their Theorem 4: for linear regression with the mean squared error zeta* is the Gauss-Newton direction. Without
// damping one step of 1 / lambda ends at the solution.
TEST(Isaac, SolvesLinearRegressionInOneStep) {
  torch::manual_seed(2);
  const at::Tensor x = at::randn({20, 6}, float64), y = at::randn({20, 3}, float64), w = at::randn({3, 6}, float64);
  const LayerPass pass{20, (at::mm(x, w.t()) - y) / 20, {w}, [&](Trained trained) {
                         return std::make_unique<DenseTransfer>(x, 3, trained);
                       }};
  const double lambda = 1e-9;
  const at::Tensor solution = at::mm(at::linalg_pinv(x), y).t();
  EXPECT_LE(relative_error(w - IsaacRule(lambda).direction(pass)[0] / lambda, solution), 1e-7);
}

// Their Theorems 1 and 2: the gradient for lambda to infinity, a direction of increasing loss for every lambda.
TEST(Isaac, IsADirectionOfIncreasingLossAndTendsToTheGradient) {
  torch::manual_seed(3);
  for (const LayerCase& c : layer_cases()) {
    const at::Tensor a = c.rows.narrow(1, 0, c.rows.size(1) - 1);
    const double largest = at::linalg_matrix_norm(at::mm(a.t(), a), 2).item<double>() / c.row_count();
    const at::Tensor gradient = as_matrix({c.transfer({})->adjoint(c.grad_output)}).narrow(1, 0, a.size(1));
    for (const double lambda : {1e-6, 1.0, 1e6}) {
      const at::Tensor zeta = IsaacRule(lambda).direction(c.pass())[0].flatten(1);
      EXPECT_GT((zeta * gradient).sum().item<double>(), 0) << c.name << lambda;
      EXPECT_LE(zeta.norm().item<double>(), gradient.norm().item<double>() * (1 + 1e-14)) << c.name << lambda;
      EXPECT_LE(relative_error(zeta, gradient), largest / (largest + lambda) + 1e-14) << c.name << lambda;
    }
  }
}

// Their Theorem 3: O(b^2 n + b^3) more than the gradient for a batch b below the n neurons, O(n^3) otherwise: the
// smaller of the two Gram matrices.
TEST(Isaac, WorksWithTheSmallerGramMatrix) {
  const auto route = [](int64_t batch, int64_t neurons) {
    return IsaacRule(0.1).plan(DenseTransfer(at::zeros({batch, neurons}), neurons, {true, false})).route;
  };
  EXPECT_EQ(route(60, 1600), "sample Gram");
  EXPECT_EQ(route(6000, 100), "feature Gram");
}

KfacOptions kfac_options(double lambda) {
  return {lambda, 0.95, 1, 1, /*sampled=*/false};
}

// Softmax regression from zero weights: each record has all labels with the same probability, the gradients of the
// outputs do not depend on the input, and the Fisher matrix is the product of the factors. Each record stands in the
// batch once for every label.
TEST(Kfac, ProductOfTheFactorsIsTheFisherMatrixWhereInputsAndOutputGradientsAreIndependent) {
  torch::manual_seed(4);
  const int64_t records = 7, labels = 4;
  const at::Tensor input = at::randn({records, 3}, float64).repeat_interleave(labels, 0);
  const at::Tensor own = 1.0 / labels - at::eye(labels, float64).repeat({records, 1});
  const LayerCase c = linear_case(input, own / (records * labels));
  at::Tensor fisher = at::zeros({labels * 4, labels * 4}, float64);
  for (int64_t i = 0; i < records * labels; ++i) {
    const at::Tensor score = at::outer(own[i], c.rows[i]).flatten();
    fisher += at::outer(score, score) / (records * labels);
  }
  KfacRule rule(kfac_options(0.1));
  rule.direction(c.pass());
  EXPECT_LE(relative_error(at::kron(rule.state()[1][0], rule.state()[0][0]), fisher), 1e-14);
}

// Theorem 1 of Martens and Grosse: where damping is negligible K-FAC does not see an affine map of the layer's inputs
// (Omega) nor a linear one of its outputs (Phi); W becomes Phi^-1 W Omega^-1, and so does the direction.
TEST(Kfac, IsInvariantToAffineMapsOfInputsAndOutputs) {
  torch::manual_seed(5);
  const LayerCase c = small_linear_case(12, 5);
  at::Tensor omega = at::eye(6, float64);
  omega.narrow(0, 0, 5).copy_(at::randn({5, 6}, float64));
  const at::Tensor phi = at::randn({4, 4}, float64);
  const at::Tensor mapped_input = at::mm(c.rows, omega.t()).narrow(1, 0, 5).contiguous();
  const LayerCase mapped = linear_case(mapped_input, at::mm(c.grad_output, phi));
  const auto direction = [](const LayerCase& of) {
    return as_matrix(KfacRule(kfac_options(1e-22)).direction(of.pass()));
  };
  const at::Tensor expected = at::linalg_solve(phi, at::mm(direction(c), at::linalg_inv(omega)));
  EXPECT_LE(relative_error(direction(mapped), expected), 1e-7);
  EXPECT_GT(relative_error(mapped.gradient(), at::linalg_solve(phi, at::mm(c.gradient(), at::linalg_inv(omega)))), 0.1);
}

// Grosse and Martens: with one location a convolution is a fully connected layer.
TEST(Kfac, AConvolutionOfOneLocationIsALinearLayer) {
  torch::manual_seed(6);
  const at::Tensor input = at::randn({9, 2, 3, 3}, float64), grad = at::randn({9, 4, 1, 1}, float64) / 9;
  const ConvGeometry geometry{4, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 1};
  const LayerPass pass{9, grad, {at::zeros({4, 2, 3, 3}, float64), at::zeros({4}, float64)}, [&](Trained trained) {
                         return std::make_unique<ConvTransfer>(input, geometry, trained);
                       }};
  const LayerCase linear = linear_case(input.flatten(1), grad.flatten(1));
  const at::Tensor expected = as_matrix(KfacRule(kfac_options(0.1)).direction(linear.pass()));
  EXPECT_LE(relative_error(as_matrix(KfacRule(kfac_options(0.1)).direction(pass)), expected), 1e-12);
}

// The loop of the authors' notebook, with plain gradient descent: squares are summed over the batch, the target is z -
// gamma dJ/dz of the mean loss J, there is no regularizer. Here gamma is theirs over N and lr is theirs times N.
TEST(LocoProp, IsTheLoopOfTheAuthorsNotebookInOtherUnits) {
  torch::manual_seed(7);
  const LayerCase c = small_linear_case(12, 5);
  const int64_t t = 10;
  const double gamma = 30, base_lr = 2e-3;
  const at::Tensor start = as_matrix(c.parameters);
  const at::Tensor target = at::mm(c.rows, start.t()) - gamma * c.grad_output;
  at::Tensor w = start;
  for (int64_t step = 0; step < t; ++step) {
    const double lr = base_lr * std::max(1 - static_cast<double>(step) / static_cast<double>(t), 0.25);
    w = w - lr * at::mm((at::mm(c.rows, w.t()) - target).t(), c.rows);
  }
  const LocoPropOptions options{t, gamma / c.records(), /*eta=*/1e30, base_lr * c.records()};
  EXPECT_LE(relative_error(as_matrix(LocoPropRule(options).direction(c.pass())), start - w), 1e-12);
}

}  // namespace
}  // namespace proxprop::train
