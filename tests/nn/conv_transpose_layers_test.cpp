// Transposed convolutions: every option of torch::nn gives torch's output and input gradient, and the step's own V.

#include "support/modules.h"
#include "support/torch_twin.h"

#include <proxprop/proxprop.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::testing {
namespace {

template <size_t D>
torch::nn::ConvTransposeOptions<D> torch_options(const nn::ConvTransposeOptions<D>& options) {
  return torch::nn::ConvTransposeOptions<D>(options.in_channels(), options.out_channels(), options.kernel_size())
      .stride(options.stride())
      .padding(options.padding())
      .output_padding(options.output_padding())
      .dilation(options.dilation())
      .groups(options.groups())
      .bias(options.bias());
}

void expect_2d(nn::ConvTranspose2dOptions options, std::vector<int64_t> size = {2, 4, 4, 3}) {
  options.tau_theta(0.3);
  expect_as_torch(nn::ConvTranspose2d(options), torch::nn::ConvTranspose2d(torch_options(options)), size);
}

nn::ConvTranspose2d doubling_layer() {
  nn::ConvTranspose2d layer(nn::ConvTranspose2dOptions(2, 3, 4).stride(2).padding(1).tau_theta(0.3));
  layer->to(torch::kDouble);
  return layer;
}

TEST(ConvTranspose2d, EveryOption) {
  expect_2d({4, 3, 3});
  expect_2d(nn::ConvTranspose2dOptions(4, 3, 4).stride(2).padding(1));
  expect_2d(nn::ConvTranspose2dOptions(4, 3, {3, 2}).stride({2, 1}).padding({1, 0}));
  expect_2d(nn::ConvTranspose2dOptions(4, 3, 3).stride({2, 3}).padding(1).output_padding({1, 2}));
  expect_2d(nn::ConvTranspose2dOptions(4, 3, {3, 2}).stride(2).dilation({2, 3}));
  expect_2d(nn::ConvTranspose2dOptions(4, 3, 2).dilation(3).output_padding({2, 0}));
  expect_2d(nn::ConvTranspose2dOptions(4, 6, 3).stride(2).groups(2));
  expect_2d(nn::ConvTranspose2dOptions(4, 4, 3).stride(2).groups(4));
  expect_2d(nn::ConvTranspose2dOptions(4, 3, 3).stride(2).bias(false));
}

TEST(ConvTranspose1d, EveryOption) {
  const auto expect = [](nn::ConvTranspose1dOptions options) {
    options.tau_theta(0.3);
    expect_as_torch(nn::ConvTranspose1d(options), torch::nn::ConvTranspose1d(torch_options(options)), {3, 4, 6});
  };
  expect({4, 3, 3});
  expect(nn::ConvTranspose1dOptions(4, 6, 5).stride(3).padding(2).output_padding(1).groups(2));
}

TEST(ConvTranspose3d, EveryOption) {
  const auto expect = [](nn::ConvTranspose3dOptions options) {
    options.tau_theta(0.3);
    expect_as_torch(nn::ConvTranspose3d(options), torch::nn::ConvTranspose3d(torch_options(options)), {2, 2, 2, 3, 2});
  };
  expect({2, 2, 2});
  expect(nn::ConvTranspose3dOptions(2, 2, {2, 3, 1}).stride({2, 1, 2}).padding({0, 1, 0}).output_padding({1, 0, 1}));
}

TEST(ConvTranspose2d, ImpossibleOptionsAreRefused) {
  EXPECT_THROW(nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 3, 3).groups(2)), c10::Error);
  EXPECT_THROW(nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 3, 3).stride(0)), c10::Error);
  nn::ConvTranspose2d layer(nn::ConvTranspose2dOptions(4, 3, 3).stride(2).output_padding(2));
  EXPECT_THROW(layer(torch::randn({1, 4, 3, 3})), c10::Error);
  EXPECT_THROW(layer(torch::randn({1, 3, 3, 3})), c10::Error);
  EXPECT_THROW(layer->plan(torch::randn({1, 4, 3, 3})), c10::Error);
}

TEST(ConvTranspose2d, OutputSizeReplacesOutputPadding) {
  auto ours = doubling_layer();
  torch::nn::ConvTranspose2d theirs(torch::nn::ConvTranspose2dOptions(2, 3, 4).stride(2).padding(1));
  theirs->to(torch::kDouble);
  torch::NoGradGuard no_grad;
  theirs->weight.copy_(ours->weight);
  theirs->bias.copy_(ours->bias);
  const auto input = random({2, 2, 4, 3});
  for (const auto& size : std::vector<std::vector<int64_t>>{{8, 7}, {9, 6}, {2, 3, 9, 7}}) {
    EXPECT_LE(relative_error(ours->forward(input, size), theirs->forward(input, size)), 1e-14);
  }
  EXPECT_THROW(ours->forward(input, {{10, 6}}), c10::Error);
  EXPECT_THROW(ours->forward(input, {{7, 6}}), c10::Error);
  EXPECT_THROW(ours->forward(input, {{8}}), c10::Error);
}

TEST(ConvTranspose2d, InputGradientMatchesNumericJacobian) {
  auto layer = doubling_layer();
  const auto input = random({1, 2, 3, 2}).requires_grad_();
  const auto g = random({1, 3, 6, 4});
  const auto analytic = torch::autograd::grad({layer(input)}, {input}, {g})[0];
  torch::NoGradGuard no_grad;
  for (int64_t i = 0; i < input.numel(); ++i) {
    auto step = torch::zeros(input.numel(), torch::kDouble);
    step[i] = 1e-6;
    const auto difference = (layer(input + step.view(input.sizes())) - layer(input - step.view(input.sizes()))) / 2e-6;
    EXPECT_NEAR((difference * g).sum().item<double>(), analytic.view({-1})[i].item<double>(), 1e-8);
  }
}

TEST(ConvTranspose2d, UnbatchedInput) {
  auto layer = doubling_layer();
  const auto input = random({2, 4, 3});
  EXPECT_TRUE(layer(input).equal(layer(input.unsqueeze(0))[0]));
  layer(input).sum().backward();
  EXPECT_TRUE(layer->weight.grad().defined());
}

TEST(ConvTranspose2d, UsedOnTwoImageSizesTakesOneStackedStep) {
  auto layer = doubling_layer();
  int steps = 0;
  layer->set_step_observer([&](const StepSummary&) { ++steps; });
  const auto a = random({2, 2, 3, 3}), b = random({1, 2, 4, 2});
  const auto g = random({2, 3, 6, 6}), h = random({1, 3, 8, 4});
  ((layer(a) * g).sum() + (layer(b) * h).sum()).backward();
  EXPECT_EQ(steps, 1);
  const ConvTransposeGeometry geometry{{3, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}};
  const StackedTransfer both(
      {std::make_shared<ConvTransposeTransfer>(a, geometry, Trained{}),
       std::make_shared<ConvTransposeTransfer>(b, geometry, Trained{})},
      {g.sizes().vec(), h.sizes().vec()});
  const auto expected = dense_direction(both, at::cat({g.reshape({-1}), h.reshape({-1})}), 0.3);
  EXPECT_LE(relative_error(gradients(*layer), expected), 1e-10);
}

TEST(ConvTranspose2d, FrozenPartsAreLeftOut) {
  for (const bool weight_trained : {true, false}) {
    auto layer = doubling_layer();
    layer->weight.set_requires_grad(weight_trained);
    layer->bias.set_requires_grad(!weight_trained);
    const auto input = random({3, 2, 3, 2}), g = random({3, 3, 6, 4});
    layer(input).backward(g);
    const ConvTransposeTransfer transfer(
        input, {{3, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}}, {weight_trained, !weight_trained});
    const auto& trained = weight_trained ? layer->weight : layer->bias;
    const auto& frozen = weight_trained ? layer->bias : layer->weight;
    EXPECT_LE(relative_error(trained.grad().reshape({-1}), dense_direction(transfer, g, 0.3)), 1e-10);
    EXPECT_FALSE(frozen.grad().defined());
  }
}

TEST(ConvTranspose2d, AnEmptyUseBesideAnotherChangesNothing) {
  auto layer = doubling_layer();
  const auto input = random({3, 2, 3, 2});
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

TEST(ConvTranspose2d, MemoryFormatAndExpandedGradientsDoNotMatter) {
  for (const auto route : {Route::sample_gram, Route::feature_gram}) {
    auto layer = doubling_layer();
    layer->options.route(route);
    const auto input = random({3, 2, 4, 3});
    layer(input).backward(at::ones({3, 3, 8, 6}, at::kDouble));
    const auto expected = gradients(*layer);
    zero_grad(*layer);
    layer(input.contiguous(at::MemoryFormat::ChannelsLast)).sum().backward();  // the gradient is an expanded scalar
    EXPECT_LE(relative_error(gradients(*layer), expected), 1e-13) << to_string(route);
  }
}

TEST(ConvTranspose2d, WorksInASequential) {
  torch::nn::Sequential model(
      nn::ConvTranspose2d(nn::ConvTranspose2dOptions(2, 4, 4).stride(2).padding(1)), torch::nn::ReLU(),
      torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(4, 1, 4).stride(2).padding(1)));
  const auto output = model->forward(torch::randn({3, 2, 4, 4}));
  EXPECT_EQ(output.sizes(), (at::IntArrayRef{3, 1, 16, 16}));
  output.square().mean().backward();
  EXPECT_TRUE(model->parameters().front().grad().defined());
}

TEST(Functional, ConvTransposeTwinsEqualTheLayer) {
  nn::ConvTranspose2d layer(
      nn::ConvTranspose2dOptions(4, 6, 3).stride(2).padding(1).output_padding(1).groups(2).tau_theta(0.3));
  layer->to(torch::kDouble);
  const auto input = random({2, 4, 3, 3}), g = random({2, 6, 6, 6});
  const nn::functional::ConvTransposeArguments arguments{{2}, {1}, {1}, {1}, 2};
  const auto output = layer(input);
  output.backward(g);
  const auto step = nn::functional::conv_transpose_direction(input, g, {3, 3}, arguments, layer->proximal_options());
  EXPECT_LE(relative_error(gradients(*layer), flatten(step.direction)), 1e-14);
  const auto weight = layer->weight.detach().clone().requires_grad_();
  const auto bias = layer->bias.detach().clone().requires_grad_();
  const auto twin = nn::functional::conv_transpose(input, weight, bias, arguments, layer->proximal_options());
  EXPECT_TRUE(twin.equal(output));
  twin.backward(g);
  EXPECT_TRUE(weight.grad().equal(layer->weight.grad()) && bias.grad().equal(layer->bias.grad()));
}

}  // namespace
}  // namespace proxprop::testing
