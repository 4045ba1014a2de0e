#include "benchmarks/rank_scaling.h"

#include <proxprop/prox/plan.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::benchmarks {

namespace {

constexpr double bytes_of_parameter = 4;

double rounds(int64_t ranks) {
  return std::ceil(std::log2(double(ranks)));
}

double share(int64_t ranks) {
  return double(ranks - 1) / double(ranks);
}

const RouteCost* chosen(const Plan& plan) {
  for (const auto& candidate : plan.candidates) {
    if (candidate.route == plan.route && candidate.possible && candidate.fits) {
      return &candidate;
    }
  }
  return nullptr;
}

// What a collective costs beyond its bytes: messages of each route, and the exchange that precedes every step.
double latency_of(const Cluster& cluster, const Solver& solver, Route route, int64_t ranks) {
  const double sum = 2 * rounds(ranks) * cluster.latency, gather = rounds(ranks) * cluster.latency;
  switch (route) {
    case Route::sample_gram: return gather + 3 * gather + sum;
    // To the owner and from it; or two sums.
    case Route::feature_gram: return gather + (keeps_state(solver) ? 2 * sum : sum);
    case Route::matrix_free: {
      const auto* cg = std::get_if<ConjugateGradient>(&solver);
      return gather + 2 * sum * double(cg != nullptr ? cg->iterations : 1);
    }
    case Route::gradient: return sum;
  }
  return 0;
}

// Forward and backward of one layer: phi twice and phi* once.
double plain_seconds(const Problem& own, const Rates& seconds) {
  return 2 * seconds.of(own.apply_work) + seconds.of(own.adjoint_work);
}

}  // namespace

double Cluster::all_reduce(double bytes, int64_t ranks) const {
  return 2 * rounds(ranks) * latency + 2 * share(ranks) * bytes / bandwidth;
}

std::vector<ScalingMethod> scaling_methods() {
  constexpr int64_t update_every = 50;
  return {
      {"backprop", std::nullopt, std::nullopt},
      {"exact", Cholesky{}, std::nullopt},
      {"exact, sample Gram", Cholesky{}, Route::sample_gram},
      {"exact, feature Gram", Cholesky{}, Route::feature_gram},
      {"cg3", ConjugateGradient{3}, std::nullopt},
      {"cg3, matrix-free", ConjugateGradient{3}, Route::matrix_free},
      {"running Gram", RunningGram{0.95, update_every}, Route::feature_gram},
  };
}

std::optional<StepEstimate> estimate_step(
    const std::vector<ScalingLayer>& network,
    const ScalingMethod& method,
    const Cluster& cluster,
    int64_t ranks,
    int64_t samples,
    double memory) {
  auto seconds = cluster.rates;
  for (auto& cost : seconds.costs) {
    cost /= cluster.flops;
  }
  seconds.costs[size_t(Kernel::wire)] = 1 / cluster.bandwidth;

  StepEstimate estimate;
  Owners owners(ranks);
  int64_t layers_together = 0;
  for (const auto& layer : network) {
    layers_together += layer.proximal ? layer.count : 0;
  }
  for (auto layer = network.rbegin(); layer != network.rend(); ++layer) {  // as backward reaches them
    const auto transfer = layer->transfer(samples);
    const auto dimensions = *transfer->dimensions();
    const bool proximal = layer->proximal && method.solver;
    ProximalOptions options{1.0, proximal ? *method.solver : Solver(Gradient{}), Scaling::sum};
    options.route = proximal ? method.route : std::nullopt;
    options.memory_limit = int64_t(memory);
    auto problem = describe(*transfer, options);
    const double count = double(layer->count);
    estimate.compute += count * plain_seconds(problem, seconds);
    if (!proximal) {
      if (ranks > 1) {
        const auto bytes = bytes_of_parameter * double(dimensions.columns) * double(dimensions.outputs);
        estimate.wire += count * cluster.all_reduce(bytes, ranks);
        estimate.bytes += count * 2 * share(ranks) * bytes;
      }
      continue;
    }
    problem.rates = seconds;
    problem.layers = layers_together;
    if (ranks > 1) {
      problem = shared(std::move(problem), ranks, ranks * dimensions.rows);
    }
    for (int64_t i = 0; i < layer->count; ++i) {
      const auto planned = plan(problem);
      const auto* cost = chosen(planned);
      if (cost == nullptr) {
        return std::nullopt;
      }
      auto work = cost->work;
      work[Kernel::wire] = 0;
      estimate.compute += seconds.of(work);
      owners.assign(seconds.of(cost->owned));
      estimate.owned += seconds.of(cost->owned);
      if (ranks > 1) {
        estimate.wire += cost->traffic / cluster.bandwidth + latency_of(cluster, *method.solver, planned.route, ranks);
        estimate.bytes += cost->traffic;
      }
      auto& layers = planned.route == Route::sample_gram    ? estimate.sample_layers
                     : planned.route == Route::feature_gram ? estimate.feature_layers
                                                            : estimate.matrix_free_layers;
      ++layers;
    }
  }
  estimate.longest = owners.largest();
  estimate.compute += estimate.longest;
  return estimate;
}

}  // namespace proxprop::benchmarks
