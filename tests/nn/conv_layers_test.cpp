// Convolution layers: every option of torch::nn gives torch's output and input gradient, and the step's own V.

#include "support/modules.h"
#include "support/torch_twin.h"

#include <proxprop/proxprop.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::testing {
namespace {

template <size_t D>
torch::nn::ConvOptions<D> torch_options(const nn::ConvOptions<D>& options) {
  torch::nn::ConvOptions<D> result(options.in_channels(), options.out_channels(), options.kernel_size());
  result.stride(options.stride()).dilation(options.dilation()).groups(options.groups()).bias(options.bias());
  result.padding_mode(options.padding_mode());
  std::visit([&](const auto& padding) { result.padding(padding); }, options.padding());
  return result;
}

void expect_conv2d(nn::Conv2dOptions options, std::vector<int64_t> size = {2, 4, 7, 6}) {
  options.tau_theta(0.3);
  expect_as_torch(nn::Conv2d(options), torch::nn::Conv2d(torch_options(options)), size);
}

TEST(Conv2d, PlainOptions) {
  expect_conv2d({4, 3, 3});
  expect_conv2d(nn::Conv2dOptions(4, 3, {3, 2}).padding({1, 2}));
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).stride({2, 1}).padding(1));
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).dilation({2, 1}).padding(2));
  expect_conv2d(nn::Conv2dOptions(4, 6, 3).groups(2).padding(1));
  expect_conv2d(nn::Conv2dOptions(4, 8, 3).groups(4).padding(1));
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).bias(false));
}

TEST(Conv2d, SameAndValidPadding) {
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).padding(torch::kSame));
  expect_conv2d(nn::Conv2dOptions(4, 3, {2, 4}).padding(torch::kSame));  // an even kernel pads unequally
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).padding(torch::kValid));
  EXPECT_THROW(nn::Conv2d(nn::Conv2dOptions(4, 3, 3).padding(torch::kSame).stride(2)), c10::Error);
}

TEST(Conv2d, EveryPaddingMode) {
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).padding(1).padding_mode(torch::kReflect));
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).padding({2, 1}).padding_mode(torch::kReplicate));
  expect_conv2d(nn::Conv2dOptions(4, 3, 3).padding({1, 2}).padding_mode(torch::kCircular));
}

TEST(Conv1d, EveryOption) {
  const auto expect = [](nn::Conv1dOptions options) {
    options.tau_theta(0.3);
    expect_as_torch(nn::Conv1d(options), torch::nn::Conv1d(torch_options(options)), {3, 4, 9});
  };
  expect({4, 3, 3});
  expect(nn::Conv1dOptions(4, 6, 3).stride(2).padding(1).groups(2));
  expect(nn::Conv1dOptions(4, 3, 3).padding(2).padding_mode(torch::kReflect));
}

TEST(Conv3d, EveryOption) {
  const auto expect = [](nn::Conv3dOptions options) {
    options.tau_theta(0.3);
    expect_as_torch(nn::Conv3d(options), torch::nn::Conv3d(torch_options(options)), {2, 2, 4, 5, 4});
  };
  expect({2, 2, 2});
  expect(nn::Conv3dOptions(2, 2, {2, 3, 1}).stride({1, 2, 1}).padding({1, 1, 0}));
  expect(nn::Conv3dOptions(2, 4, 2).groups(2).padding(1).padding_mode(torch::kCircular));
}

TEST(Conv2d, UnbatchedInput) {
  nn::Conv2d layer(nn::Conv2dOptions(3, 4, 3).padding(1));
  const auto input = torch::randn({3, 5, 5});
  EXPECT_TRUE(layer(input).equal(layer(input.unsqueeze(0))[0]));
  layer(input).sum().backward();
  EXPECT_TRUE(layer->weight.grad().defined());
}

TEST(Conv2d, UsedOnTwoImageSizesTakesOneStackedStep) {
  nn::Conv2d layer(nn::Conv2dOptions(2, 3, 3).padding(1).tau_theta(0.3));
  layer->to(torch::kDouble);
  int steps = 0;
  layer->set_step_observer([&](const StepSummary&) { ++steps; });
  (layer(torch::randn({2, 2, 5, 5}, torch::kDouble)).sum() + layer(torch::randn({1, 2, 8, 6}, torch::kDouble)).sum())
      .backward();
  EXPECT_EQ(steps, 1);
}

TEST(Conv2d, PlanNamesTheFeatureGram) {
  nn::Conv2d layer(nn::Conv2dOptions(3, 16, 5).padding(2));
  const auto plan = layer->plan(torch::zeros({500, 3, 32, 32}));
  EXPECT_EQ(plan.route, Route::feature_gram);
  EXPECT_NE(plan.reason.find("S = 512000"), std::string::npos) << plan.reason;
}

TEST(Conv2d, WithoutAProximalStepItIsTorchs) {
  nn::Conv2d ours(nn::Conv2dOptions(3, 4, 3).padding(1).solver(Gradient{}));
  torch::nn::Conv2d theirs(torch::nn::Conv2dOptions(3, 4, 3).padding(1));
  {
    torch::NoGradGuard no_grad;
    theirs->weight.copy_(ours->weight);
    theirs->bias.copy_(ours->bias);
  }
  const auto input = torch::randn({8, 3, 6, 6}).requires_grad_();
  ours(input).square().sum().backward();
  const auto input_gradient = input.grad().clone();
  input.mutable_grad().reset();
  theirs(input).square().sum().backward();
  EXPECT_TRUE(input_gradient.allclose(input.grad(), 1e-5, 1e-5));
  EXPECT_TRUE(ours->weight.grad().allclose(theirs->weight.grad(), 1e-4, 1e-4));
  // Frozen, the input's gradient still flows; with create_graph it is differentiable.
  for (auto& parameter : ours->parameters()) {
    parameter.set_requires_grad(false);
  }
  const auto first = torch::autograd::grad({ours(input).square().sum()}, {input}, {}, true, /*create_graph=*/true)[0];
  EXPECT_TRUE(torch::autograd::grad({first.sum()}, {input})[0].defined());
}

TEST(Conv2d, AnEmptyUseBesideAnotherChangesNothing) {
  nn::Conv2d layer(nn::Conv2dOptions(2, 3, 3).padding(1));
  layer->to(torch::kDouble);
  const auto input = random({3, 2, 5, 5});
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    layer->options.route(route);
    zero_grad(*layer);
    layer(input).sum().backward();
    const auto alone = gradients(*layer);
    zero_grad(*layer);
    (layer(input).sum() + layer(input.narrow(0, 0, 0)).sum()).backward();
    EXPECT_LE(relative_error(gradients(*layer), alone), 1e-13) << to_string(route);
  }
}

TEST(Conv2d, MemoryFormatAndExpandedGradientsDoNotMatter) {
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    nn::Conv2d layer(nn::Conv2dOptions(3, 4, 3).padding(1).route(route));
    layer->to(torch::kDouble);
    const auto input = random({3, 3, 6, 5});
    layer(input).backward(at::ones({3, 4, 6, 5}, at::kDouble));
    const auto expected = gradients(*layer);
    zero_grad(*layer);
    layer(input.contiguous(at::MemoryFormat::ChannelsLast)).sum().backward();  // the gradient is an expanded scalar
    EXPECT_LE(relative_error(gradients(*layer), expected), 1e-13) << to_string(route);
  }
}

TEST(Conv2d, FrozenPartsAreLeftOut) {
  for (const bool weight_trained : {true, false}) {
    nn::Conv2d layer(nn::Conv2dOptions(2, 3, 3).padding(1));
    layer->to(torch::kDouble);
    layer->weight.set_requires_grad(weight_trained);
    layer->bias.set_requires_grad(!weight_trained);
    const auto input = random({3, 2, 5, 5}), g = random({3, 3, 5, 5});
    layer(input).backward(g);
    const ConvTransfer transfer(input, {3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, {weight_trained, !weight_trained});
    const auto& trained = weight_trained ? layer->weight : layer->bias;
    const auto& frozen = weight_trained ? layer->bias : layer->weight;
    EXPECT_LE(relative_error(trained.grad().reshape({-1}), dense_direction(transfer, g, 1.0)), 1e-10);
    EXPECT_FALSE(frozen.grad().defined());
  }
}

}  // namespace
}  // namespace proxprop::testing
