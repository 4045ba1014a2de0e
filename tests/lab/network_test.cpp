// Networks from models: the same function, and what is refused.

#include "lab/network.h"
#include "models.h"

#include "support/dense_reference.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::lab {
namespace {

using namespace testing;
using proxprop::testing::relative_error;

TEST(Network, ComputesWhatTheModelComputes) {
  std::vector<Model> models = others();
  models.insert(models.begin(), {mlp(), convnet()});
  for (const Model& model : models) {
    auto plain = model.plain();
    const auto expected = plain->forward(model.batch.input);
    const Network network(plain);
    EXPECT_LT(relative_error(network.forward(model.batch.input).z.back(), expected), 1e-14) << model.name;
    const auto single = network.copy(torch::kFloat).forward(model.batch.input.to(torch::kFloat));
    EXPECT_LT(relative_error(single.z.back(), expected), 1e-5) << model.name;
  }
}

TEST(Network, SharesTheParametersOfTheModelAndACopyDoesNot) {
  const Model model = mlp();
  auto plain = model.plain();
  const Network network(plain);
  const Network copy = network.copy(torch::kDouble);
  at::NoGradGuard no_grad;
  plain->parameters()[0].fill_(0.25);
  EXPECT_EQ(network.layer(0).parameters()[0].max().item<double>(), 0.25);
  EXPECT_NE(copy.layer(0).parameters()[0].max().item<double>(), 0.25);
}

TEST(Network, RefusesTwoActivationsInARowAndAnEndThatIsNoLayer) {
  const auto twice = [] {
    Network(sequential(torch::nn::Linear(2, 2), torch::nn::ReLU(), torch::nn::Tanh(), torch::nn::Linear(2, 2)));
  };
  const auto open = [] { Network(sequential(torch::nn::Linear(2, 2), torch::nn::ReLU())); };
  EXPECT_THROW(twice(), c10::Error);
  EXPECT_THROW(open(), c10::Error);
}

}  // namespace
}  // namespace proxprop::lab
