// Inputs and gradients that nobody would choose. The law: a direction that is finite and whose status is ok solves its
// system to the accuracy of its type; whatever cannot be solved says so, by its status or by not being finite.

#include "support/dense_reference.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace proxprop::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Attack {
  std::string name;
  std::function<at::Tensor(const at::Tensor&)> apply;  // float64 in and out
};

at::Tensor with_first(const at::Tensor& tensor, double value) {
  at::Tensor changed = tensor.clone();
  changed.view({-1})[0] = value;
  return changed;
}

std::vector<Attack> attacks() {
  const auto scaled = [](double factor) { return [factor](const at::Tensor& t) { return t * factor; }; };
  return {
      {"random", scaled(1)},
      {"zero", [](const at::Tensor& t) { return at::zeros_like(t); }},
      {"constant", [](const at::Tensor& t) { return at::full_like(t, 3.0); }},
      {"one sample many times", [](const at::Tensor& t) { return t.narrow(0, 0, 1).expand_as(t).contiguous(); }},
      {"of rank one",
       [](const at::Tensor& t) {
         const at::Tensor rows = t.reshape({t.size(0), -1});
         return rows.mm(at::ones({rows.size(1), 1}, t.options())).mm(rows.narrow(0, 0, 1)).view_as(t);
       }},
      {"one feature alone alive",
       [](const at::Tensor& t) { return t * at::arange(t.numel()).view_as(t).remainder(7).eq(0); }},
      {"of very different scales",
       [](const at::Tensor& t) { return t * at::logspace(-15, 15, t.numel(), 10, at::kDouble).view_as(t); }},
      {"huge", scaled(1e15)},
      {"near the largest number", scaled(1e37)},
      {"tiny", scaled(1e-15)},
      {"denormal", scaled(1e-40)},
      {"with NaN", [](const at::Tensor& t) { return with_first(t, kNan); }},
      {"with infinity", [](const at::Tensor& t) { return with_first(t, kInfinity); }}};
}

struct Way {
  Solver solver;
  std::optional<Route> route;
};

std::vector<Way> ways() {
  std::vector<Way> all = {
      {Cholesky{}, Route::sample_gram},
      {Cholesky{}, Route::feature_gram},
      {AmortizedCholesky{1e-4, 3}, Route::feature_gram},
      {Gradient{}, std::nullopt}};
  for (const auto coupling : {Coupling::per_output, Coupling::joint}) {
    for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free})
      all.push_back({ConjugateGradient{4, 0.0, coupling}, route});
  }
  return all;
}

struct Shape {
  std::string name;
  std::vector<int64_t> input;
  std::function<std::shared_ptr<LinearTransfer>(const at::Tensor&)> transfer;
};

std::vector<Shape> shapes() {
  const auto dense = [](const at::Tensor& input) { return std::make_shared<DenseTransfer>(input, 4, Trained{}); };
  const auto convolution = [](const at::Tensor& input) {
    return std::make_shared<ConvTransfer>(input, ConvGeometry{3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, Trained{});
  };
  return {
      {"few samples", {6, 9}, dense},
      {"many samples", {12, 5}, dense},
      {"one sample", {1, 7}, dense},
      {"convolution", {2, 2, 5, 4}, convolution}};
}

// M and b of one system in float64, from the same numbers, so that the judge shares nothing with the solvers.
struct System {
  at::Tensor matrix, gradient;

  System(const LinearTransfer& transfer, const at::Tensor& grad_output, double tau_theta) {
    const at::Tensor phi = dense_phi(transfer, grad_output.options());
    matrix = phi.t().mm(phi);
    matrix.diagonal().add_(1 / tau_theta);
    gradient = phi.t().mv(grad_output.reshape({-1}));
  }
  bool finite() const { return matrix.isfinite().all().item<bool>() && gradient.isfinite().all().item<bool>(); }

  // |M V - b| over what rounding M, V and b to the type may cost; what is below the type's smallest numbers counts as
  // 0.
  double backward_error(const at::Tensor& direction, double smallest) const {
    const double scale = matrix.norm().item<double>() * (direction.norm().item<double>() + smallest) +
                         gradient.norm().item<double>() + smallest;
    return (matrix.mv(direction) - gradient).norm().item<double>() / scale;
  }
};

struct Judge {
  at::ScalarType dtype;
  double tolerance;  // some hundred roundings
  double smallest;   // normal number of the type

  // In float32 the sample route itself allows 1e-3 (sample_route.cpp, sample_certificate.cpp), in float64 1e-9.
  double allowed(const StepSummary& summary) const {
    if (summary.route != Route::sample_gram)
      return tolerance;
    return dtype == at::kFloat ? 1e-3 : 1e-9;
  }

  void judge(const Way& way, const System& system, const ProximalStep& step, double tau_theta) const {
    const at::Tensor direction = flatten(step.direction);
    const bool told = step.summary.status != Status::ok || !direction.isfinite().all().item<bool>();
    if (!system.finite()) {
      EXPECT_TRUE(told) << "numbers that are not finite went unnoticed";
      return;
    }
    if (told)
      return;
    const double error = allowed(step.summary);
    if (is_exact(way.solver)) {
      const bool amortized = std::holds_alternative<AmortizedCholesky>(way.solver);
      EXPECT_LE(system.backward_error(direction, smallest), amortized ? 2e-4 : error);
    }
    // Every direction is one of descent, and none is longer than tau_theta |b| (the gradient itself: than |b|).
    const double slope = direction.dot(system.gradient).item<double>();
    const double product = direction.norm().item<double>() * system.gradient.norm().item<double>();
    EXPECT_GE(slope, -error * product - smallest);
    const double longest = std::holds_alternative<Gradient>(way.solver) ? 1 : tau_theta;
    EXPECT_LE(
        direction.norm().item<double>(),
        longest * system.gradient.norm().item<double>() * (1 + 1e-3 + error) + 100 * smallest);
  }
};

void attack_all(const Judge& judge) {
  for (const Shape& shape : shapes()) {
    at::manual_seed(11);
    const at::Tensor input = at::randn(shape.input, at::kDouble);
    const at::Tensor grad_output = at::randn(*shape.transfer(input)->output_shape(), at::kDouble);
    for (const Attack& on_input : attacks()) {
      const at::Tensor attacked = on_input.apply(input).to(judge.dtype);
      for (const Attack& on_gradient : attacks()) {
        const at::Tensor gradient = on_gradient.apply(grad_output).to(judge.dtype);
        for (const double tau_theta : {1e-12, 1.0, 1e12}) {
          const System system(*shape.transfer(attacked.to(at::kDouble)), gradient.to(at::kDouble), tau_theta);
          for (const Way& way : ways()) {
            SCOPED_TRACE(
                shape.name + ", input " + on_input.name + ", gradient " + on_gradient.name + ", tau_theta " +
                std::to_string(tau_theta) + ", " + to_string(way.solver) + " by " +
                (way.route ? to_string(*way.route) : "itself"));
            SolverState state;
            const ProximalOptions options{tau_theta, way.solver, Scaling::sum, way.route};
            judge.judge(
                way, system, proximal_direction(*shape.transfer(attacked), gradient, options, &state), tau_theta);
            if (::testing::Test::HasFailure())
              return;
          }
        }
      }
    }
  }
}

TEST(UnderAttack, Float32DirectionsSolveTheirSystemsOrSaySo) {
  attack_all({at::kFloat, 2e-5, std::numeric_limits<float>::min()});
}

TEST(UnderAttack, Float64DirectionsSolveTheirSystemsOrSaySo) {
  attack_all({at::kDouble, 1e-12, 1e-280});
}

}  // namespace
}  // namespace proxprop::testing
