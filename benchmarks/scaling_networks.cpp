// The layers of the networks whose scaling is modelled, by sizes alone.

#include "benchmarks/rank_scaling.h"

#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

namespace proxprop::benchmarks {

namespace {

at::Tensor sized(std::vector<int64_t> sizes) {
  return at::empty({}).expand(sizes);
}

ScalingLayer linear(std::string name, int64_t count, int64_t tokens, int64_t in, int64_t out, bool proximal = true) {
  return {std::move(name), count, proximal, [=](int64_t samples) -> std::shared_ptr<LinearTransfer> {
            return std::make_shared<DenseTransfer>(sized({samples * tokens, in}), out, Trained{});
          }};
}

ScalingLayer conv(
    std::string name, int64_t count, int64_t in, int64_t out, int64_t size, int64_t kernel, int64_t stride) {
  const auto padding = (kernel - 1) / 2;
  const ConvGeometry geometry{out, {kernel, kernel}, {stride, stride}, {padding, padding}, {1, 1}, 1};
  return {std::move(name), count, true, [=](int64_t samples) -> std::shared_ptr<LinearTransfer> {
            return std::make_shared<ConvTransfer>(sized({samples, in, size, size}), geometry, Trained{true, false});
          }};
}

// He et al. 2016, table 1: bottlenecks whose 3x3 convolution has the stride.
std::vector<ScalingLayer> resnet50() {
  std::vector<ScalingLayer> layers{conv("stem", 1, 3, 64, 224, 7, 2)};
  int64_t in = 64, size = 56;
  const int64_t blocks[] = {3, 4, 6, 3};
  for (int64_t stage = 0; stage < 4; ++stage) {
    const int64_t mid = int64_t(64) << stage, out = 4 * mid, stride = stage == 0 ? 1 : 2, after = size / stride;
    const auto name = "stage " + std::to_string(stage + 1) + " ";
    layers.push_back(conv(name + "first 1x1", 1, in, mid, size, 1, 1));
    layers.push_back(conv(name + "first 3x3", 1, mid, mid, size, 3, stride));
    layers.push_back(conv(name + "shortcut", 1, in, out, size, 1, stride));
    layers.push_back(conv(name + "1x1 in", blocks[stage] - 1, out, mid, after, 1, 1));
    layers.push_back(conv(name + "3x3", blocks[stage] - 1, mid, mid, after, 3, 1));
    layers.push_back(conv(name + "1x1 out", blocks[stage], mid, out, after, 1, 1));
    in = out;
    size = after;
  }
  layers.push_back(linear("output", 1, 1, 2048, 1000, false));
  return layers;
}

// The sizes of GPT-2 small; one Gram for q, k and v, whose input is the same.
std::vector<ScalingLayer> transformer() {
  constexpr int64_t blocks = 12, width = 768, tokens = 1024, vocabulary = 50257;
  std::vector<ScalingLayer> layers;
  for (int64_t block = 0; block < blocks; ++block) {  // in their order: owners are dealt out by it
    layers.push_back(linear("q, k, v", 1, tokens, width, 3 * width));
    layers.push_back(linear("attention output", 1, tokens, width, width));
    layers.push_back(linear("MLP in", 1, tokens, width, 4 * width));
    layers.push_back(linear("MLP out", 1, tokens, 4 * width, width));
  }
  layers.push_back(linear("output", 1, tokens, width, vocabulary, false));
  return layers;
}

// The paper's fully connected network.
std::vector<ScalingLayer> mlp() {
  return {
      linear("1", 1, 1, 3072, 4000), linear("2", 1, 1, 4000, 1000), linear("3", 1, 1, 1000, 4000),
      linear("output", 1, 1, 4000, 10, false)};
}

}  // namespace

std::vector<ScalingLayer> scaling_network(const std::string& name) {
  return name == "mlp"           ? mlp()
         : name == "resnet50"    ? resnet50()
         : name == "transformer" ? transformer()
                                 : std::vector<ScalingLayer>{};
}

}  // namespace proxprop::benchmarks
