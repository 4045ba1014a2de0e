#include "lab/verify/checks.h"

namespace proxprop::verify {
namespace {

DenseNetwork at_point(const std::string& name, torch::nn::Sequential& model, const Batch& batch) {
  DenseNetwork network{name, record(model, batch), {}};
  for (const LayerRecord& layer : network.record.layers)
    network.layers.push_back(make_dense(layer));
  return network;
}

void add(Problem& problem, const std::string& name, torch::nn::Sequential model, int64_t records) {
  const Batch batch = first(problem.data, records);
  problem.networks.push_back(at_point(name + ", random", model, batch));
  train(model, first(problem.data, training_records), training_steps);
  problem.networks.push_back(at_point(name + ", trained", model, batch));
}

}  // namespace

Problem make_problem(const Batch& data, uint64_t seed) {
  Problem problem{data, seed, {}};
  add(problem, "mlp tanh", make_mlp("tanh", seed), 64);
  add(problem, "mlp relu", make_mlp("relu", seed + 1), 64);
  add(problem, "convnet relu", make_convnet("relu", seed + 2), 16);
  return problem;
}

}  // namespace proxprop::verify
