// Proposition 5: the k-th conjugate gradient iterate x_k for M x = b, b = dJ/dtheta, started from 0, is a descent
// direction for every k. It is the minimiser of 1/2 <x, M x> - <b, x> over the Krylov space (eq. 34). There the
// residual r_k = b - M x_k is orthogonal to b and x_k, so that <b, x_k> = 2 <b, x_k> - <x_k, M x_k>, which grows with
// k, and |x_k| grows as well (Steihaug 1983), up to |V|.
//
// Rounding takes that orthogonality from every conjugate gradient iteration sooner or later, in float64 after five to
// eleven iterations here. What needs it is checked up to there: <b, x_k> and |x_k| themselves. Descent and the growth
// of 2 <b, x_k> - <x_k, M x_k> need no more than each step's own minimisation, and are checked for every k.

#include "lab/verify/checks.h"
#include "lab/verify/least.h"
#include "lab/verify/text.h"

#include <ATen/ATen.h>

#include <cmath>

namespace proxprop::verify {
namespace {

constexpr int64_t iterations = 20;

const char* to_string(Coupling coupling) {
  return coupling == Coupling::joint ? "joint" : "per output";
}

// Indices into the flattened parameters of the systems that are solved independently: all, or row o of the weight with
// entry o of the bias.
std::vector<at::Tensor> systems(const LayerRecord& layer, Coupling coupling) {
  const at::Tensor& weight = layer.parameters.front();
  const int64_t outputs = weight.size(0), columns = weight.numel() / outputs;
  const at::Tensor all = at::arange(weight.numel() + outputs, at::kLong);
  if (coupling == Coupling::joint)
    return {all};
  std::vector<at::Tensor> result;
  for (int64_t o = 0; o < outputs; ++o)
    result.push_back(at::cat({all.narrow(0, o * columns, columns), all.narrow(0, weight.numel() + o, 1)}));
  return result;
}

at::Tensor krylov_minimizers(const DenseLayer& dense, double tau_theta, Coupling coupling, int64_t k) {
  const at::Tensor m = dense.metric(tau_theta);
  const at::Tensor& b = dense.layer.gradient;
  at::Tensor x = at::zeros_like(b);
  for (const at::Tensor& part : systems(dense.layer, coupling)) {
    const at::Tensor rhs = b.index_select(0, part);
    if (rhs.norm().item<double>() > 0)  // an output that no loss depends on takes no step
      x.index_copy_(0, part, krylov_minimizer(m.index_select(0, part).index_select(1, part), rhs, k));
  }
  return x;
}

/// The pair of consecutive values whose growth is the least.
struct Growth {
  Least ratio;
  double before = 0, after = 0;

  void add(double previous, double next) {
    if (ratio.add(next / previous)) {
      before = previous;
      after = next;
    }
  }
};

struct System {
  const DenseLayer& dense;
  std::string name;
  double tau_theta;
  Coupling coupling;
  Route route;
};

at::Tensor iterate(const System& system, int64_t k, const DirectionRule& direction) {
  const LayerRecord& layer = system.dense.layer;
  const ConjugateGradient cg{k, 0.0, system.coupling};
  const ProximalOptions options{system.tau_theta, cg, Scaling::sum, system.route};
  return flatten(direction(*layer.transfer, layer.grad_output, options).direction);
}

void check_every_iterate(Rows& rows, const System& system, const DirectionRule& direction) {
  const at::Tensor m = system.dense.metric(system.tau_theta);
  const at::Tensor& b = system.dense.layer.gradient;
  Least least;
  Growth objective, product, length;
  int64_t orthogonal = 1;  // iterates that are still Krylov minimisers
  at::Tensor x = iterate(system, 1, direction);
  const auto minimised = [&](const at::Tensor& y) { return (2 * b.dot(y) - y.dot(at::mv(m, y))).item<double>(); };
  const auto cosine = [&](const at::Tensor& y) { return (y.dot(b) / (y.norm() * b.norm())).item<double>(); };
  least.add(cosine(x));
  for (int64_t k = 1; k < iterations; ++k) {
    const at::Tensor residual = b - at::mv(m, x);
    const at::Tensor next = iterate(system, k + 1, direction);
    least.add(cosine(next));
    objective.add(minimised(x), minimised(next));
    if (orthogonal == k && std::abs(residual.dot(b).item<double>()) <= 1e-2 * residual.dot(residual).item<double>()) {
      product.add(x.dot(b).item<double>(), next.dot(b).item<double>());
      length.add(x.norm().item<double>(), next.norm().item<double>());
      orthogonal = k + 1;
    }
    x = next;
  }
  const std::string every = ", k = 1 to " + std::to_string(iterations);
  const std::string early = ", k = 1 to " + std::to_string(orthogonal);
  rows.greater(system.name + every + ": least cos of x_k and b", least.value(), 0);
  rows.at_least(
      system.name + every + ": 2 <b, x_k> - <x_k, M x_k>, and before, least growth", objective.after, objective.before,
      rounding(system.dense.condition(system.tau_theta)));
  rows.greater(system.name + early + ": <b, x_k>, and before, least growth", product.after, product.before);
  rows.greater(system.name + early + ": |x_k|, and before, least growth", length.after, length.before);
}

void check_krylov(Rows& rows, const System& system, const DirectionRule& direction) {
  for (const int64_t k : {1, 2, 3}) {
    rows.equal(
        system.name + ": x_" + std::to_string(k) + " and the minimiser over the Krylov space",
        iterate(system, k, direction), krylov_minimizers(system.dense, system.tau_theta, system.coupling, k),
        rounding(system.dense.condition(system.tau_theta)));
  }
  rows.less(
      system.name + ": |x_3| and |M^-1 b|", iterate(system, 3, direction).norm().item<double>(),
      system.dense.solve(system.dense.layer.gradient, system.tau_theta).norm().item<double>());
}

}  // namespace

std::vector<Row> check_proposition_5(const Problem& problem, const DirectionRule& direction) {
  Rows rows("5");
  constexpr double tau_theta = 1;
  for (const DenseNetwork& network : problem.networks) {
    for (const DenseLayer& dense : network.layers) {
      for (const Coupling coupling : {Coupling::joint, Coupling::per_output}) {
        for (const Route route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
          const std::string name =
              network.name + ", " + dense.layer.name + ", " + to_string(coupling) + ", " + proxprop::to_string(route);
          const System system{dense, name, tau_theta, coupling, route};
          check_every_iterate(rows, system, direction);
          check_krylov(rows, system, direction);
        }
      }
    }
  }
  return rows.take();
}

}  // namespace proxprop::verify
