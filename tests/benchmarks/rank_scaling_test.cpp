// The model of many ranks: what is known of it without running anything.

#include "benchmarks/rank_scaling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace proxprop::benchmarks {
namespace {

constexpr double plenty = 1e18;  // bytes

ScalingMethod method(const std::string& name) {
  for (const auto& candidate : scaling_methods()) {
    if (candidate.name == name) {
      return candidate;
    }
  }
  ADD_FAILURE() << name;
  return {};
}

double parameters(const std::vector<ScalingLayer>& network) {
  double sum = 0;
  for (const auto& layer : network) {
    const auto d = *layer.transfer(1)->dimensions();
    sum += double(layer.count) * double(d.columns) * double(d.outputs);
  }
  return sum;
}

TEST(RankScaling, NetworksHaveTheirPublishedSizes) {
  // ResNet-50 has 25.56 million parameters, 53 thousand of them batch normalization's (He et al. 2016).
  EXPECT_NEAR(parameters(scaling_network("resnet50")) / 1e6, 25.50, 0.01);
  // GPT-2 small has 124.44 million: 85.05 in its blocks with 0.04 in norms, 38.6 in the embedding, which its output
  // layer shares (the bias is not GPT-2's), and 0.79 for positions.
  EXPECT_NEAR(parameters(scaling_network("transformer")) / 1e6, 85.02 + 38.60 + 0.05, 0.02);
  EXPECT_TRUE(scaling_network("nosuch").empty());
}

TEST(RankScaling, BackpropagationSendsEachGradientTwice) {
  const auto network = scaling_network("resnet50");
  for (const int64_t ranks : {2, 64}) {
    const auto step = estimate_step(network, method("backprop"), {}, ranks, 32, plenty);
    EXPECT_NEAR(step->bytes, 2.0 * double(ranks - 1) / double(ranks) * 4 * parameters(network), 1);
  }
}

TEST(RankScaling, OneRankSendsNothing) {
  for (const auto& each : scaling_methods()) {
    const auto step = estimate_step(scaling_network("transformer"), each, {}, 1, 4, plenty);
    ASSERT_TRUE(step) << each.name;
    EXPECT_EQ(step->wire, 0) << each.name;
    EXPECT_GT(step->compute, 0) << each.name;
  }
}

TEST(RankScaling, AWireThatIsNothingLeavesComputation) {
  Cluster cluster;
  cluster.latency = 0;
  cluster.bandwidth = 1e30;
  for (const auto& each : scaling_methods()) {
    const auto step = estimate_step(scaling_network("resnet50"), each, cluster, 64, 32, plenty);
    ASSERT_TRUE(step) << each.name;
    EXPECT_LT(step->wire, 1e-12 * step->compute) << each.name;
  }
}

TEST(RankScaling, ThePlanIsNoSlowerThanEitherGram) {
  for (const auto& name : {"resnet50", "transformer"}) {
    for (const int64_t ranks : {1, 8, 512}) {
      Cluster cluster;
      cluster.latency = 0;  // which the planner does not count
      const auto network = scaling_network(name);
      const auto planned = estimate_step(network, method("exact"), cluster, ranks, 8, plenty);
      for (const auto& forced : {"exact, sample Gram", "exact, feature Gram"}) {
        const auto other = estimate_step(network, method(forced), cluster, ranks, 8, plenty);
        EXPECT_LE(planned->seconds(), other->seconds() * (1 + 1e-12)) << name << " " << ranks << " " << forced;
      }
    }
  }
}

TEST(RankScaling, FactorsAreDealtOutEvenly) {
  for (const auto& name : {"resnet50", "transformer", "mlp"}) {
    const auto network = scaling_network(name);
    const auto alone = estimate_step(network, method("exact, feature Gram"), {}, 1, 32, plenty);
    const auto two = estimate_step(network, method("exact, feature Gram"), {}, 2, 32, plenty);
    const auto many = estimate_step(network, method("exact, feature Gram"), {}, 4096, 32, plenty);
    EXPECT_EQ(alone->owned, 0) << name;
    const auto least = std::max(two->owned / 2, many->longest);
    const bool many_layers = two->feature_layers > 10;  // else what holds for all lists (Graham 1966)
    EXPECT_LE(two->longest, (many_layers ? 1.1 : 1.5) * least) << name;
    EXPECT_LT(two->compute, alone->compute * 1.1) << name;
  }
}

TEST(RankScaling, WhatDoesNotFitIsTold) {
  EXPECT_FALSE(estimate_step(scaling_network("resnet50"), method("exact, sample Gram"), {}, 64, 32, 1e9));
}

}  // namespace
}  // namespace proxprop::benchmarks
