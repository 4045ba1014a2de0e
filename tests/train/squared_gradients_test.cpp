// Mean squared gradients against one backward pass per record.

#include "lab/spectrum/flat_vector.h"
#include "train/squared_gradients.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::train {
namespace {

at::Tensor record_by_record(torch::nn::Sequential& model, const at::Tensor& input, const at::Tensor& labels) {
  const std::vector<at::Tensor> parameters = model->parameters();
  at::Tensor sum = torch::zeros({spectrum::flat_size(parameters)}, torch::kDouble);
  for (int64_t i = 0; i < labels.size(0); ++i) {
    model->zero_grad();
    torch::nn::functional::cross_entropy(model->forward(input.narrow(0, i, 1)), labels.narrow(0, i, 1)).backward();
    at::Tensor gradient = torch::zeros_like(sum);
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : parameters)
      gradients.push_back(parameter.grad());
    spectrum::add_flattened(gradient, gradients, parameters);
    sum += gradient.square();
  }
  return sum / labels.size(0);
}

void expect_equal(torch::nn::Sequential model, const at::Tensor& input) {
  model->to(torch::kDouble);
  const at::Tensor labels = torch::randint(0, 3, {input.size(0)}, torch::kLong);
  const at::Tensor expected = record_by_record(model, input, labels);
  for (const int64_t chunk : {100, 4}) {
    const at::Tensor found = mean_squared_gradients(model, input, labels, chunk);
    EXPECT_LE((found - expected).abs().max().item<double>(), 1e-13 * expected.max().item<double>()) << chunk;
  }
  EXPECT_GT(expected.min().item<double>(), 0);
}

TEST(MeanSquaredGradients, OfDenseLayersAreThoseOfEachRecord) {
  torch::manual_seed(1);
  const at::Tensor input = torch::randn({11, 5}, torch::kDouble);
  expect_equal(
      torch::nn::Sequential(
          torch::nn::Linear(5, 7), torch::nn::Tanh(), torch::nn::Linear(torch::nn::LinearOptions(7, 4).bias(false)),
          torch::nn::Sigmoid(), torch::nn::Linear(4, 3)),
      input);
}

TEST(MeanSquaredGradients, OfConvolutionsAreThoseOfEachRecord) {
  torch::manual_seed(2);
  const at::Tensor input = torch::randn({11, 4, 9, 8}, torch::kDouble);
  expect_equal(
      torch::nn::Sequential(
          torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 6, {3, 2}).stride({2, 1}).padding({1, 0}).groups(2)),
          torch::nn::Tanh(), torch::nn::Conv2d(torch::nn::Conv2dOptions(6, 3, 2).dilation(2).bias(false)),
          torch::nn::AvgPool2d(torch::nn::AvgPool2dOptions({3, 5})), torch::nn::Flatten()),
      input);
}

TEST(MeanSquaredGradients, OfTransposedConvolutionsAreThoseOfEachRecord) {
  torch::manual_seed(3);
  const at::Tensor input = torch::randn({11, 4, 4, 3}, torch::kDouble);
  expect_equal(
      torch::nn::Sequential(
          torch::nn::ConvTranspose2d(
              torch::nn::ConvTranspose2dOptions(4, 6, {3, 2}).stride(2).padding({1, 0}).output_padding(1).groups(2)),
          torch::nn::Tanh(), torch::nn::Flatten(), torch::nn::Linear(6 * 8 * 7, 3)),
      input);
}

TEST(MeanSquaredGradients, AreNotKnownOfOtherLayers) {
  torch::nn::Sequential model(torch::nn::LayerNorm(torch::nn::LayerNormOptions({3})));
  EXPECT_THROW(mean_squared_gradients(model, torch::randn({4, 3}), torch::zeros({4}, torch::kLong), 4), c10::Error);
}

}  // namespace
}  // namespace proxprop::train
