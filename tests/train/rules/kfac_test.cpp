// K-FAC: its factors, its damping and its direction against dense matrices that are built from rows.

#include "layer_cases.h"
#include "train/rules/directed_layer.h"
#include "train/rules/fisher_pass.h"
#include "train/rules/kfac_rule.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::train {
namespace {

KfacOptions empirical(double lambda = 0.3, double epsilon = 0.95, int64_t t_cov = 1, int64_t t_inv = 1) {
  return {lambda, epsilon, t_cov, t_inv, /*sampled=*/false};
}

struct Factors {
  at::Tensor a, g;
};

// A = 1/N sum a a^T, G = 1/S sum (N g) (N g)^T.
Factors factors_of(const LayerCase& c) {
  const double records = c.records();
  return {
      at::mm(c.rows.t(), c.rows) / records,
      at::mm(c.output_rows.t(), c.output_rows) * (records * records / c.row_count())};
}

// kron(G + gamma / pi I, A + pi gamma I)^-1 applied to the gradient, whose rows lie one after the other.
at::Tensor dense_direction(const Factors& factors, const at::Tensor& gradient, double lambda) {
  const auto eye = [](const at::Tensor& matrix) { return at::eye(matrix.size(0), at::kDouble); };
  const double mean_a = (factors.a.trace() / factors.a.size(0)).item<double>();
  const double mean_g = (factors.g.trace() / factors.g.size(0)).item<double>();
  const double pi = std::sqrt(mean_a / mean_g), gamma = std::sqrt(lambda);
  const at::Tensor a = factors.a + pi * gamma * eye(factors.a), g = factors.g + gamma / pi * eye(factors.g);
  return at::linalg_solve(at::kron(g, a), gradient.flatten()).view_as(gradient);
}

TEST(Kfac, TheDirectionIsTheDampedKroneckerProductsInverseTimesTheGradient) {
  torch::manual_seed(1);
  for (const LayerCase& c : layer_cases()) {
    KfacRule rule(empirical(0.3));
    const at::Tensor direction = as_matrix(rule.direction(c.pass()));
    EXPECT_LE(relative_error(direction, dense_direction(factors_of(c), c.gradient(), 0.3)), 1e-11) << c.name;
  }
}

TEST(Kfac, GroupsOfAConvolutionAreBlocksOfTheirOwn) {
  torch::manual_seed(2);
  const auto options = at::TensorOptions(at::kDouble);
  const at::Tensor input = at::randn({5, 4, 6, 6}, options), grad = at::randn({5, 6, 6, 6}, options) / 5;
  const ConvGeometry geometry{6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2};
  const LayerPass pass{5, grad, {at::zeros({6, 2, 3, 3}, options), at::zeros({6}, options)}, [&](Trained trained) {
                         return std::make_unique<ConvTransfer>(input, geometry, trained);
                       }};
  const at::Tensor direction = as_matrix(KfacRule(empirical()).direction(pass));
  for (int64_t group = 0; group < 2; ++group) {
    const ConvGeometry half{3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1};
    const at::Tensor part = input.narrow(1, 2 * group, 2).contiguous();
    const LayerPass alone{
        5,
        grad.narrow(1, 3 * group, 3).contiguous(),
        {at::zeros({3, 2, 3, 3}, options), at::zeros({3}, options)},
        [&](Trained trained) { return std::make_unique<ConvTransfer>(part, half, trained); }};
    const at::Tensor expected = as_matrix(KfacRule(empirical()).direction(alone));
    EXPECT_LE(relative_error(direction.narrow(0, 3 * group, 3), expected), 1e-11) << group;
  }
}

TEST(Kfac, FactorsAreRunningAveragesWithWeightOneMinusOneOverKAtFirst) {
  torch::manual_seed(3);
  const double epsilon = 0.6;
  for (size_t kind = 0; kind < 2; ++kind) {
    KfacRule rule(empirical(0.3, epsilon));
    Factors average;
    for (int64_t k = 1; k <= 4; ++k) {
      const LayerCase c = layer_cases()[kind];
      const Factors factors = factors_of(c);
      const double kept = std::min(1 - 1.0 / static_cast<double>(k), epsilon);
      average.a = k == 1 ? factors.a : kept * average.a + (1 - kept) * factors.a;
      average.g = k == 1 ? factors.g : kept * average.g + (1 - kept) * factors.g;
      const at::Tensor direction = as_matrix(rule.direction(c.pass()));
      EXPECT_LE(relative_error(direction, dense_direction(average, c.gradient(), 0.3)), 1e-11) << c.name << k;
    }
  }
}

TEST(Kfac, InvertsAtTheFirstThreeStepsAndThenEveryTInv) {
  torch::manual_seed(4);
  KfacRule rule(empirical(0.3, 0.5, 1, 5));
  at::Tensor last;
  std::vector<bool> renewed;
  for (int64_t k = 1; k <= 11; ++k) {
    rule.direction(layer_cases()[0].pass());
    const at::Tensor inverse = rule.state()[2];
    renewed.push_back(!last.defined() || !inverse.equal(last));
    last = inverse;
  }
  EXPECT_EQ(renewed, (std::vector<bool>{true, true, true, false, true, false, false, false, false, true, false}));
}

TEST(Kfac, LooksAtTheBatchEveryTCov) {
  torch::manual_seed(5);
  KfacRule rule(empirical(0.3, 0.5, 3, 100));
  at::Tensor last;
  std::vector<bool> added;
  for (int64_t k = 1; k <= 7; ++k) {
    rule.direction(layer_cases()[1].pass());
    const at::Tensor a = rule.state()[0];
    added.push_back(!last.defined() || !a.equal(last));
    last = a;
  }
  EXPECT_EQ(added, (std::vector<bool>{true, false, false, true, false, false, true}));
}

// Where G is c times the identity its damped inverse is a number, and what is left is FOOF: the proximal step with the
// mean Gram, and a damping that has pi in it.
TEST(Kfac, WithFactorGAMultipleOfTheIdentityIsFoof) {
  torch::manual_seed(6);
  const double lambda = 0.2, gamma = std::sqrt(lambda);
  for (LayerCase c : layer_cases()) {
    c.output_rows = std::get<0>(at::linalg_qr(c.output_rows));
    const at::Tensor shaped = c.name == "linear"
                                  ? c.output_rows
                                  : c.output_rows.view({5, 12, 3}).transpose(1, 2).reshape({5, 3, 4, 3}).contiguous();
    c.grad_output = shaped;
    const Factors factors = factors_of(c);
    const double mean_g = (factors.g.trace() / factors.g.size(0)).item<double>();
    const double pi = std::sqrt((factors.a.trace() / factors.a.size(0)).item<double>() / mean_g);
    // Of the mean over rows, where A is one over records.
    const double foof_lambda = pi * gamma * c.records() / c.row_count();
    SolverState state;
    const ProximalOptions foof{1 / foof_lambda, RunningGram{0.0, 1}, Scaling::mean};
    const auto transfer = c.transfer({});
    const at::Tensor expected = as_matrix(proximal_direction(*transfer, c.grad_output, foof, &state).direction) *
                                (c.records() / c.row_count() / (mean_g + gamma / pi));
    EXPECT_LE(relative_error(as_matrix(KfacRule(empirical(lambda)).direction(c.pass())), expected), 1e-11) << c.name;
  }
}

TEST(Kfac, ABatchThatIsNotFiniteDoesNotPoisonTheFactors) {
  torch::manual_seed(7);
  const LayerCase good = layer_cases()[0];
  LayerCase bad = layer_cases()[0];
  bad.grad_output.fill_(std::numeric_limits<double>::quiet_NaN());
  for (const bool bad_first : {true, false}) {
    KfacRule rule(empirical());
    if (!bad_first)
      rule.direction(good.pass());
    EXPECT_FALSE(as_matrix(rule.direction(bad.pass())).isfinite().any().item<bool>());
    EXPECT_TRUE(as_matrix(rule.direction(good.pass())).isfinite().all().item<bool>());
  }
}

torch::nn::Sequential kfac_model(const std::vector<int64_t>& widths, KfacOptions options) {
  torch::nn::Sequential model;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    model->push_back(DirectedLinear(
        torch::nn::LinearOptions(widths[i], widths[i + 1]), std::make_unique<KfacRule>(std::move(options))));
    if (i + 2 < widths.size())
      model->push_back(torch::nn::Tanh());
  }
  model->to(at::kDouble);
  return model;
}

// For softmax regression the Fisher matrix's factor G is the mean of diag(p) - p p^T, whatever the data's labels are.
TEST(Kfac, FactorGOfSampledLabelsIsThatOfTheFisherMatrix) {
  torch::manual_seed(8);
  const int64_t records = 100'000;
  torch::nn::Sequential model = kfac_model({3, 4}, {0.3, 0.95, 1, 1, /*sampled=*/true});
  FisherPass fisher(model);
  const at::Tensor output = model->forward(torch::randn({records, 3}, at::kDouble));
  fisher.run(output);
  torch::nn::functional::cross_entropy(output, torch::zeros({records}, at::kLong)).backward();
  const auto* layer = dynamic_cast<const DirectedLayer*>(model->children().front().get());
  const at::Tensor found = layer->rule().state()[1][0];
  const at::Tensor p = output.detach().softmax(1);
  const at::Tensor expected = at::diag(p.mean(0)) - at::mm(p.t(), p) / records;
  EXPECT_LE((found - expected).abs().max().item<double>(), 5 / std::sqrt(static_cast<double>(records)));
}

TEST(Kfac, TheFisherPassLeavesNoGradientsAndIsLeftOutWhereItIsNotDue) {
  torch::manual_seed(9);
  torch::nn::Sequential model = kfac_model({3, 5, 4}, {0.3, 0.95, 2, 1, /*sampled=*/true});
  FisherPass fisher(model);
  const at::Tensor input = torch::randn({6, 3}, at::kDouble), labels = torch::randint(0, 4, {6}, at::kLong);
  const auto step = [&] {
    const at::Tensor output = model->forward(input);
    const auto before = at::globalContext().defaultGenerator(at::kCPU).get_state();
    fisher.run(output);
    const bool drew = !before.equal(at::globalContext().defaultGenerator(at::kCPU).get_state());
    for (const at::Tensor& parameter : model->parameters())
      EXPECT_FALSE(parameter.grad().defined());
    torch::nn::functional::cross_entropy(output, labels).backward();
    for (at::Tensor& parameter : model->parameters()) {
      EXPECT_TRUE(parameter.grad().defined());
      parameter.mutable_grad() = at::Tensor();
    }
    return drew;
  };
  EXPECT_TRUE(step());
  EXPECT_FALSE(step());
  EXPECT_TRUE(step());
}

}  // namespace
}  // namespace proxprop::train
