// Proposition 1: one sweep of Algorithm 1 with rho = gamma = 1 / tau moves every parameter by -tau dJ/dtheta (eq. 2).
// Proposition 2, for the algorithm as the paper writes it: one sweep of Algorithm 2 moves the parameters of a layer by
// -tau M^-1 dJ/dtheta (eq. 13), those of the output layer by -tau dJ/dtheta (eq. 12). The right sides know nothing of
// the sweep: they are autograd's gradient, and a dense solve with the columns of phi.

#include "lab/verify/checks.h"
#include "lab/verify/text.h"

namespace proxprop::verify {
namespace {

constexpr int64_t records = 32;
constexpr double rounding_of_gradients = 1e-12;

struct Case {
  std::string name;
  torch::nn::Sequential model;
};

// Smooth activations, as the proposition asks for; max pooling is smooth where no two pixels of a window are equal.
std::vector<Case> cases(const Problem& problem) {
  std::vector<Case> all;
  const auto add = [&](const std::string& name, torch::nn::Sequential random, torch::nn::Sequential trained) {
    train(trained, first(problem.data, training_records), training_steps);
    all.push_back({name + ", random", random});
    all.push_back({name + ", trained", trained});
  };
  add("mlp tanh", make_mlp("tanh", problem.seed), make_mlp("tanh", problem.seed));
  add("convnet tanh", make_convnet("tanh", problem.seed), make_convnet("tanh", problem.seed));
  return all;
}

lab::Sweep run(
    const SweepRule& sweep, const Case& instance, const Batch& batch, const lab::StepRules& rules, double tau) {
  return sweep(
      lab::Network(instance.model), {batch.images, batch.labels}, lab::CrossEntropy(), rules, {.tau = tau, .penalties = {}});
}

}  // namespace

std::vector<Row> check_proposition_1(const Problem& problem, const SweepRule& sweep) {
  Rows rows("1");
  const Batch batch = first(problem.data, records);
  for (Case& instance : cases(problem)) {
    const NetworkRecord expected = record(instance.model, batch);
    for (const double tau : {1e-3, 1.0, 10.0}) {
      const lab::Sweep step = run(sweep, instance, batch, lab::algorithm_1(), tau);
      const std::string name = instance.name + ", tau " + number(tau) + ": update and tau dJ/dtheta, ";
      for (size_t l = 0; l < expected.layers.size(); ++l) {
        rows.equal(
            name + expected.layers[l].name, tau * flatten(step.directions.at(l)), tau * expected.layers[l].gradient,
            rounding_of_gradients);
      }
      rows.equal(
          name + "output layer", tau * flatten(step.directions.back()), tau * expected.explicit_gradient,
          rounding_of_gradients);
    }
  }
  return rows.take();
}

std::vector<Row> check_algorithm_2(const Problem& problem, const SweepRule& sweep) {
  Rows rows("2");
  constexpr double tau = 0.5;
  const Batch batch = first(problem.data, records);
  for (Case& instance : cases(problem)) {
    const NetworkRecord expected = record(instance.model, batch);
    std::vector<DenseLayer> layers;
    for (const LayerRecord& layer : expected.layers)
      layers.push_back(make_dense(layer));
    for (const double tau_theta : {0.05, 1.0, 20.0}) {
      const lab::Sweep step = run(sweep, instance, batch, lab::algorithm_2({.tau_theta = tau_theta}), tau);
      const std::string name = instance.name + ", Algorithm 2, tau_theta " + number(tau_theta) + ", ";
      for (size_t l = 0; l < layers.size(); ++l) {
        rows.equal(
            name + layers[l].layer.name, tau * flatten(step.directions.at(l)),
            tau * layers[l].solve(layers[l].layer.gradient, tau_theta),
            rounding(layers[l].condition(tau_theta)));
      }
      rows.equal(
          name + "output layer", tau * flatten(step.directions.back()), tau * expected.explicit_gradient,
          rounding_of_gradients);
    }
  }
  return rows.take();
}

}  // namespace proxprop::verify
