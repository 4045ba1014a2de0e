#include "support.h"
#include "train/evaluation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::train {
namespace {

torch::nn::Sequential network() {
  torch::manual_seed(5);
  return torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Dropout(0.5), torch::nn::Linear(128, 3));
}

TEST(Evaluation, IsTheMeanOverAllRecordsWithoutDropout) {
  torch::nn::Sequential model = network();
  const LabelledImages data = banded_images(2345, 9);
  const auto result = evaluate(model, data);
  model->eval();
  const at::Tensor output = model->forward(data.images.to(at::kFloat) / 255);
  EXPECT_NEAR(result->loss, torch::nn::functional::cross_entropy(output, data.labels).item<double>(), 1e-6);
  EXPECT_DOUBLE_EQ(result->accuracy, output.argmax(1).eq(data.labels).to(at::kDouble).mean().item<double>());
}

TEST(Evaluation, LeavesTheModeAndTheRandomNumbersAsTheyWere) {
  torch::nn::Sequential model = network();
  torch::manual_seed(1);
  const at::Tensor expected = at::rand({4});
  torch::manual_seed(1);
  evaluate(model, banded_images(10, 9));
  EXPECT_TRUE(model->is_training());
  EXPECT_TRUE(at::rand({4}).equal(expected));
}

TEST(Evaluation, OfNothingIsNotANumber) {
  torch::nn::Sequential model = network();
  EXPECT_TRUE(std::isnan(evaluate(model, LabelledImages())->loss));
}

TEST(Evaluation, IsGivenUpWhenAStopIsRequested) {
  torch::nn::Sequential model = network();
  const std::atomic<bool> stop = true;
  EXPECT_FALSE(evaluate(model, banded_images(10, 9), &stop).has_value());
}

}  // namespace
}  // namespace proxprop::train
