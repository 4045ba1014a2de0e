// Ranks with shares of a batch train as one rank with all of it.

#include "support/thread_ranks.h"

#include <proxprop/distributed/data_parallel.h>
#include <proxprop/nn/conv.h>
#include <proxprop/nn/conv_transpose.h>
#include <proxprop/nn/linear.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::testing {
namespace {

constexpr int64_t steps = 20;
constexpr int64_t batch = 11;  // shares of three ranks differ: 4, 4, 3

torch::nn::Sequential small_network(const Solver& solver, at::ScalarType dtype) {
  torch::manual_seed(5);
  torch::nn::Sequential model(
      nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(1).tau_theta(0.5).solver(solver)), torch::nn::Tanh(),
      torch::nn::MaxPool2d(2),
      nn::ConvTranspose2d(nn::ConvTranspose2dOptions(4, 2, 2).stride(2).tau_theta(0.5).solver(solver)),
      torch::nn::Tanh(), torch::nn::Flatten(),
      nn::Linear(nn::LinearOptions(2 * 6 * 6, 9).tau_theta(0.1).solver(solver)), torch::nn::Tanh(),
      torch::nn::Linear(9, 3));  // explicit
  model->to(dtype);
  return model;
}

struct Batches {
  at::Tensor images, labels;
};

Batches make_batches(at::ScalarType dtype) {
  torch::manual_seed(6);
  return {torch::randn({steps, batch, 2, 6, 6}, at::kDouble).to(dtype), torch::randint(0, 3, {steps, batch})};
}

// Trains on samples [first, last) of every batch, with `communicator` together with those who have the others.
at::Tensor trained(
    torch::nn::Sequential model,
    const Batches& data,
    int64_t first,
    int64_t last,
    const std::shared_ptr<Communicator>& communicator) {
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.2).momentum(0.9).nesterov(true));
  const auto ranks = communicator ? double(communicator->size()) : 1.0;
  if (communicator) {
    join(*model, communicator);
  }
  const auto others = explicit_parameters(*model);
  for (int64_t step = 0; step < steps; ++step) {
    optimizer.zero_grad();
    const auto output = model->forward(data.images[step].slice(0, first, last));
    const auto loss = torch::nn::functional::cross_entropy(output, data.labels[step].slice(0, first, last));
    (loss * (ranks * double(last - first) / double(batch))).backward();
    if (communicator) {
      average_gradients(others, *communicator);
    }
    optimizer.step();
  }
  std::vector<at::Tensor> flat;
  for (const auto& parameter : model->parameters()) {
    flat.push_back(parameter.detach().reshape({-1}));
  }
  return at::cat(flat);
}

void expect_ranks_train_as_one(const Solver& solver, int64_t count, at::ScalarType dtype, double bound) {
  const auto data = make_batches(dtype);
  const auto alone = trained(small_network(solver, dtype), data, 0, batch, nullptr);
  std::vector<torch::nn::Sequential> models;
  for (int64_t rank = 0; rank < count; ++rank) {
    models.push_back(small_network(solver, dtype));
  }
  std::vector<at::Tensor> results(count);
  ThreadRanks(count).run([&](const std::shared_ptr<Communicator>& communicator) {
    const auto rank = communicator->rank();
    const auto share = (batch + count - 1) / count;
    results[rank] =
        trained(models[rank], data, std::min(batch, rank * share), std::min(batch, (rank + 1) * share), communicator);
  });
  for (const auto& result : results) {
    EXPECT_TRUE(at::equal(result, results.front()));
    const auto error = (result - alone).abs().max() / alone.abs().max();
    EXPECT_LE(error.item<double>(), bound) << to_string(solver) << ", " << count << " ranks";
  }
}

TEST(DataParallel, RanksTrainAsOneRankInFloat64) {
  for (const Solver& solver :
       {Solver(Cholesky{}), Solver(ConjugateGradient{3}), Solver(Gradient{}), Solver(RunningGram{.update_every = 3})}) {
    for (const int64_t count : {2, 3}) {
      expect_ranks_train_as_one(solver, count, at::kDouble, 1e-10);
    }
  }
}

TEST(DataParallel, RanksTrainAsOneRankInFloat32) {
  for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
    expect_ranks_train_as_one(solver, 2, at::kFloat, 1e-5);
  }
}

TEST(DataParallel, ExplicitParametersAreThoseWithoutAProximalStep) {
  auto model = small_network(Cholesky{}, at::kFloat);
  EXPECT_EQ(explicit_parameters(*model).size(), 2);  // weight and bias of the output layer
  model->ptr(0)->as<nn::Conv2dImpl>()->options.solver(Gradient{});
  EXPECT_EQ(explicit_parameters(*model).size(), 4);
}

TEST(DataParallel, LeavingTheRanksTrainsAloneAgain) {
  auto model = small_network(Cholesky{}, at::kFloat);
  ThreadRanks(1).run([&](const std::shared_ptr<Communicator>& communicator) { join(*model, communicator); });
  join(*model, nullptr);
  EXPECT_EQ(model->ptr(0)->as<nn::Conv2dImpl>()->proximal_options().communicator, nullptr);
}

}  // namespace
}  // namespace proxprop::testing
