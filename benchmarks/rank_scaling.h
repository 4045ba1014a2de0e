#pragma once
// A model of how a training step scales over ranks: the planner's counts of work and bytes for every layer, and a
// network whose messages take latency and bandwidth ("alpha-beta"). Nothing is run.

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/rates.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::benchmarks {

/// What a rank is, and what lies between ranks.
struct Cluster {
  double flops = 1e12;      ///< float32 operations per second of a rank, at full rate; other work by `rates`
  double latency = 2e-5;    ///< alpha: seconds that a message takes, however short
  double bandwidth = 1e10;  ///< bytes per second that a rank sends
  Rates rates = {};         ///< fixed weights; the cost of a byte on the wire follows from the above

  /// Seconds of a sum of `bytes` that all ranks have afterwards: halved and summed, then gathered, log2(ranks) rounds
  /// each.
  double all_reduce(double bytes, int64_t ranks) const;
};

/// Layers of one kind in a network.
struct ScalingLayer {
  std::string name;
  int64_t count = 1;
  bool proximal = true;  ///< the output layer is explicit
  /// The map of a batch of so many samples, by sizes alone: its tensors have no memory.
  std::function<std::shared_ptr<LinearTransfer>(int64_t samples)> transfer;
};

/// "mlp" (the paper's), "resnet50" (224 x 224 images) or "transformer" (12 blocks of width 768, 1,024 tokens). Empty
/// for another name.
std::vector<ScalingLayer> scaling_network(const std::string& name);

/// How the layers of a network take their steps.
struct ScalingMethod {
  std::string name;
  std::optional<Solver> solver;  ///< none: backpropagation
  std::optional<Route> route;    ///< none: the planner's choice, layer by layer
};
std::vector<ScalingMethod> scaling_methods();

struct StepEstimate {
  double compute = 0;  ///< seconds, of the rank that has the most to factorise
  double owned = 0;    ///< seconds of all factors and solves that one rank does for all
  double longest = 0;  ///< and of those of one rank; part of `compute`
  double wire = 0;     ///< seconds, not overlapped with anything
  double bytes = 0;    ///< that a rank sends
  int64_t sample_layers = 0, feature_layers = 0, matrix_free_layers = 0;

  double seconds() const { return compute + wire; }
  /// With everything sent behind computation, were that possible.
  double overlapped() const { return compute > wire ? compute : wire; }
};

/// One step of `ranks` ranks with `samples` samples each. No value where the method's route is impossible or needs more
/// than `memory` bytes.
std::optional<StepEstimate> estimate_step(
    const std::vector<ScalingLayer>& network,
    const ScalingMethod& method,
    const Cluster& cluster,
    int64_t ranks,
    int64_t samples,
    double memory);

}  // namespace proxprop::benchmarks
