// Proposition 2, eq. 13: the step is the gradient times the inverse of M = I / tau_theta + phi* phi. The left side is
// what is under test, given phi and g = dJ/dz; the right side is a dense solve with the columns of phi and autograd's
// dJ/dtheta.

#include "lab/verify/checks.h"
#include "lab/verify/text.h"

namespace proxprop::verify {
namespace {

void check_layer(Rows& rows, const std::string& network, const DenseLayer& dense, const DirectionRule& direction) {
  const LayerRecord& layer = dense.layer;
  const std::string name = network + ", " + layer.name;
  const auto add = [&](const std::string& detail, const ProximalOptions& options, double divisor) {
    const at::Tensor v = flatten(direction(*layer.transfer, layer.grad_output, options).direction);
    const double tau_theta = options.tau_theta;
    rows.equal(
        name + ", tau_theta " + number(tau_theta) + ", " + detail, v, dense.solve(layer.gradient, tau_theta, divisor),
        rounding(dense.condition(tau_theta, divisor)));
  };
  for (const double tau_theta : {0.05, 1.0, 20.0}) {
    for (const Route route : {Route::sample_gram, Route::feature_gram, Route::matrix_free})
      add(to_string(route), {tau_theta, Cholesky{}, Scaling::sum, route}, 1);
  }
  // The mean is over the rows of the output: records, or positions of all records.
  const int64_t outputs = layer.parameters.front().size(0);
  add("mean scaling", {1.0, Cholesky{}, Scaling::mean}, double(layer.grad_output.numel() / outputs));
}

}  // namespace

std::vector<Row> check_proposition_2(const Problem& problem, const DirectionRule& direction) {
  Rows rows("2");
  for (const DenseNetwork& network : problem.networks) {
    for (const DenseLayer& layer : network.layers)
      check_layer(rows, network.name, layer, direction);
  }
  return rows.take();
}

}  // namespace proxprop::verify
