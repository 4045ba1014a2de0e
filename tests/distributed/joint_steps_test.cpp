// The layers' steps of one backward pass on several ranks: what each rank does for all, in which order it is sent, and
// that it is the step of one rank.

#include "support/thread_ranks.h"

#include <proxprop/distributed/data_parallel.h>
#include <proxprop/nn/conv.h>
#include <proxprop/nn/linear.h>
#include <proxprop/prox/plan.h>

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

namespace proxprop::testing {
namespace {

using Kind = ThreadRanks::Kind;

constexpr int64_t batch = 11;  // shares of ranks differ
constexpr double bound = 1e-10;

nn::LinearOptions linear_options(int64_t in, int64_t out, const Solver& solver, std::optional<Route> route) {
  return nn::LinearOptions(in, out).tau_theta(0.3).solver(solver).route(route);
}

// Four proximal layers of different sizes, and an explicit one.
torch::nn::Sequential network(const Solver& solver, std::optional<Route> route, at::ScalarType dtype = at::kDouble) {
  torch::manual_seed(5);
  torch::nn::Sequential model(
      nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(1).tau_theta(0.5).solver(solver).route(route)), torch::nn::Tanh(),
      nn::Conv2d(nn::Conv2dOptions(4, 3, 3).stride(2).tau_theta(0.5).solver(solver).route(route)), torch::nn::Tanh(),
      torch::nn::Flatten(), nn::Linear(linear_options(3 * 2 * 2, 9, solver, route)), torch::nn::Tanh(),
      nn::Linear(linear_options(9, 7, solver, route)), torch::nn::Tanh(), torch::nn::Linear(7, 3));
  model->to(dtype);
  return model;
}

struct Samples {
  at::Tensor images, labels;
};

// A generator of its own: ranks are threads, which share the default one.
at::Generator generator_of(int64_t seed) {
  return at::make_generator<at::CPUGeneratorImpl>(uint64_t(seed));
}

Samples samples(int64_t step, at::ScalarType dtype = at::kDouble) {
  const auto generator = generator_of(100 + step);
  return {
      at::randn({batch, 2, 6, 6}, generator, at::kDouble).to(dtype), at::randint(0, 3, {batch}, generator, at::kLong)};
}

// This rank's samples.
Samples share(const Samples& all, const Communicator* communicator) {
  const auto count = communicator != nullptr ? communicator->size() : 1;
  const auto rank = communicator != nullptr ? communicator->rank() : 0;
  const auto each = (batch + count - 1) / count;
  const auto first = std::min(batch, rank * each), last = std::min(batch, first + each);
  return {all.images.slice(0, first, last), all.labels.slice(0, first, last)};
}

// The mean over the ranks of this loss is that of the whole batch.
at::Tensor loss_of(torch::nn::Sequential& model, const Samples& own, const Communicator* communicator) {
  const auto count = communicator != nullptr ? double(communicator->size()) : 1.0;
  const auto sum = torch::nn::functional::cross_entropy(
      model->forward(own.images), own.labels, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  return sum * (count / double(batch));
}

at::Tensor flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> parts;
  for (const auto& tensor : tensors) {
    parts.push_back(tensor.detach().reshape({-1}));
  }
  return at::cat(parts);
}

at::Tensor flat_gradients(const torch::nn::Sequential& model) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : model->parameters()) {
    gradients.push_back(parameter.grad());
  }
  return flat(gradients);
}

using Body = std::function<at::Tensor(torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator)>;

// What `body` gives on each of `count` ranks, whose layers step together.
std::vector<at::Tensor> on_ranks(
    ThreadRanks& ranks, int64_t count, const std::function<torch::nn::Sequential()>& make, const Body& body) {
  std::vector<torch::nn::Sequential> models;
  for (int64_t rank = 0; rank < count; ++rank) {
    models.push_back(make());
  }
  std::vector<at::Tensor> results(static_cast<size_t>(count));
  ranks.run([&](const std::shared_ptr<Communicator>& communicator) {
    auto& model = models[size_t(communicator->rank())];
    join(*model, communicator);
    results[size_t(communicator->rank())] = body(model, communicator);
  });
  return results;
}

// The same on ranks as on one rank alone.
void expect_ranks_are_as_one(
    int64_t count, const std::function<torch::nn::Sequential()>& make, const Body& body, double tolerance = bound) {
  auto alone = make();
  const auto expected = body(alone, nullptr);
  ThreadRanks ranks(count);
  for (const auto& result : on_ranks(ranks, count, make, body)) {
    const auto error = ((result - expected).abs().max() / expected.abs().max()).item<double>();
    EXPECT_LE(error, tolerance) << count << " ranks";
  }
}

// Three steps; the parameters.
at::Tensor train(torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.2).momentum(0.9));
  const auto others = explicit_parameters(*model);
  for (int64_t step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    const auto dtype = model->parameters().front().scalar_type();
    loss_of(model, share(samples(step, dtype), communicator.get()), communicator.get()).backward();
    if (communicator) {
      average_gradients(others, *communicator);
    }
    optimizer.step();
  }
  return flat(model->parameters());
}

TEST(JointSteps, AreTheStepsOfOneRank) {
  for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3}), Solver(RunningGram{}),
                               Solver(AmortizedCholesky{.tolerance = 1e-13, .max_iterations = 40})}) {
    for (const auto route : {std::optional(Route::feature_gram), std::optional<Route>()}) {
      for (const int64_t count : {2, 3, 5}) {
        SCOPED_TRACE(to_string(solver));
        expect_ranks_are_as_one(count, [&] { return network(solver, route); }, train);
      }
    }
  }
}

TEST(JointSteps, GiveAllRanksTheSameBits) {
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3}), Solver(RunningGram{})}) {
      ThreadRanks ranks(3);
      const auto results = on_ranks(ranks, 3, [&] { return network(solver, Route::feature_gram, dtype); }, train);
      for (const auto& result : results) {
        EXPECT_TRUE(at::equal(result, results.front())) << to_string(solver);
      }
    }
  }
}

at::Tensor backward_once(torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
  loss_of(model, share(samples(0), communicator.get()), communicator.get()).backward();
  if (communicator) {
    average_gradients(explicit_parameters(*model), *communicator);
  }
  return flat_gradients(model);
}

std::vector<ThreadRanks::Call> calls_of_backward(int64_t count) {
  ThreadRanks ranks(count);
  on_ranks(ranks, count, [] { return network(Cholesky{}, Route::feature_gram); }, backward_once);
  return ranks.calls();
}

TEST(JointSteps, AreDealtOutToTheRanks) {
  const auto calls = calls_of_backward(4);
  for (const auto kind : {Kind::reduce, Kind::broadcast}) {
    std::vector<int64_t> owners;
    for (const auto& call : calls) {
      if (call.kind == kind) {
        owners.push_back(call.owner);
      }
    }
    EXPECT_EQ(owners, (std::vector<int64_t>{0, 1, 2, 3}));
  }
}

TEST(JointSteps, SendNothingBackBeforeTheLastLayerHasBegun) {
  std::vector<Kind> kinds;
  for (const auto& call : calls_of_backward(3)) {
    if (call.kind == Kind::reduce || call.kind == Kind::broadcast) {
      kinds.push_back(call.kind);
    }
  }
  std::vector<Kind> expected(4, Kind::reduce);
  expected.resize(8, Kind::broadcast);
  EXPECT_EQ(kinds, expected);
}

TEST(JointSteps, SendTheGramOfALayerToItsOwnerAndItsStepBack) {
  for (const auto& call : calls_of_backward(2)) {
    if (call.kind == Kind::broadcast) {
      EXPECT_EQ(call.sizes.size(), 1u);
    }
    EXPECT_TRUE(call.kind != Kind::all_reduce || call.sizes == std::vector<int64_t>{7 * 3 + 3});  // the explicit layer
  }
}

TEST(JointSteps, AccumulateOverBackwardPasses) {
  const Body twice = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    for (int64_t step = 0; step < 2; ++step) {
      loss_of(model, share(samples(step), communicator.get()), communicator.get()).backward();
    }
    if (communicator) {
      average_gradients(explicit_parameters(*model), *communicator);
    }
    return flat_gradients(model);
  };
  expect_ranks_are_as_one(3, [] { return network(Cholesky{}, Route::feature_gram); }, twice);
}

TEST(JointSteps, ALayerUsedTwiceTakesOneStep) {
  const auto make = [] {
    torch::manual_seed(5);
    torch::nn::Sequential model(
        torch::nn::Flatten(), nn::Linear(linear_options(72, 9, Cholesky{}, std::nullopt)), torch::nn::Tanh(),
        nn::Linear(linear_options(9, 9, Cholesky{}, Route::feature_gram)), torch::nn::Linear(9, 3));
    model->to(at::kDouble);
    return model;
  };
  const Body twice = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    const auto own = share(samples(0), communicator.get());
    auto first = model->ptr(1)->as<nn::LinearImpl>();
    auto shared = model->ptr(3)->as<nn::LinearImpl>();
    auto last = model->ptr(4)->as<torch::nn::LinearImpl>();
    auto z = torch::tanh(first->forward(own.images.flatten(1)));
    z = shared->forward(torch::tanh(shared->forward(z)));
    const auto count = communicator ? double(communicator->size()) : 1.0;
    (last->forward(z).square().sum() * (count / double(batch))).backward();
    return flat({first->weight.grad(), shared->weight.grad(), shared->bias.grad()});
  };
  expect_ranks_are_as_one(2, make, twice);
  expect_ranks_are_as_one(3, make, twice);
}

TEST(JointSteps, AreSeenByHooksAndByAutogradsOwnCalls) {
  const Body through_hook = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    auto weight = model->ptr(5)->as<nn::LinearImpl>()->weight;
    at::Tensor seen;
    const auto hook = weight.register_hook([&](const at::Tensor& gradient) { seen = gradient.clone(); });
    loss_of(model, share(samples(0), communicator.get()), communicator.get()).backward();
    weight.remove_hook(hook);
    EXPECT_TRUE(at::equal(seen, weight.grad()));
    return seen;
  };
  expect_ranks_are_as_one(2, [] { return network(Cholesky{}, Route::feature_gram); }, through_hook);
  const Body by_grad = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    const auto loss = loss_of(model, share(samples(0), communicator.get()), communicator.get());
    auto* conv = model->ptr(2)->as<nn::Conv2dImpl>();
    return flat(torch::autograd::grad({loss}, {conv->weight, conv->bias}));
  };
  expect_ranks_are_as_one(2, [] { return network(Cholesky{}, Route::feature_gram); }, by_grad);
}

TEST(JointSteps, AWeightThatAnotherLayerMakesWaitsForNothingInVain) {
  // The step of the layer whose weight is made is finished before that of the layer that makes it is begun.
  const auto make = [] {
    torch::manual_seed(5);
    torch::nn::Sequential model(nn::Linear(linear_options(4, 6, Cholesky{}, Route::feature_gram)));
    model->to(at::kDouble);
    return model;
  };
  const Body hypernetwork = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    auto* maker = model->ptr(0)->as<nn::LinearImpl>();
    const auto own = share(samples(0), communicator.get());
    nn::Linear user(linear_options(2, 3, Cholesky{}, Route::feature_gram));
    user->to(at::kDouble);
    if (communicator) {
      join(*user, communicator);
    }
    const auto code = at::randn({5, 4}, generator_of(7), at::kDouble);
    const auto made = maker->forward(code).sum(0).view({3, 2});
    user->weight = made;
    const auto z = user->forward(own.images.flatten(2).mean(2));
    const auto count = communicator ? double(communicator->size()) : 1.0;
    (z.square().sum() * (count / double(batch))).backward();
    // The code is the same on all ranks: `count` times its rows, and the mean of equal losses.
    return maker->weight.grad();
  };
  ThreadRanks ranks(2);
  const auto results = on_ranks(ranks, 2, make, hypernetwork);
  EXPECT_TRUE(results[0].isfinite().all().item<bool>());
  EXPECT_TRUE(at::equal(results[0], results[1]));
}

TEST(JointSteps, APassThatFailsOnAllRanksLeavesNothingBehind) {
  const Body after_failure = [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
    auto own = share(samples(1), communicator.get());
    own.images = own.images.clone().requires_grad_();
    auto z = model->ptr(0)->as<nn::Conv2dImpl>()->forward(own.images);
    z.register_hook([](const at::Tensor&) -> at::Tensor { throw std::runtime_error("a hook of the user's"); });
    for (size_t i = 1; i < model->size(); ++i) {
      z = (model->begin() + int64_t(i))->forward(z);
    }
    EXPECT_THROW(z.square().sum().backward(), std::runtime_error);
    for (const auto& parameter : model->parameters()) {
      parameter.mutable_grad() = at::Tensor();
    }
    return backward_once(model, communicator);
  };
  expect_ranks_are_as_one(3, [] { return network(Cholesky{}, Route::feature_gram); }, after_failure);
}

TEST(JointSteps, TellEveryRankWhatTheOwnersSolverDid) {
  const auto make = [] {
    torch::manual_seed(5);
    torch::nn::Sequential model(
        torch::nn::Flatten(),
        nn::Linear(linear_options(72, 4, ConjugateGradient{2, 1e-30}, Route::feature_gram)), torch::nn::Linear(4, 3));
    model->to(at::kDouble);
    return model;
  };
  ThreadRanks ranks(3);
  const auto told = on_ranks(
      ranks, 3, make, [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
        StepSummary seen;
        model->ptr(1)->as<nn::LinearImpl>()->set_step_observer([&](const StepSummary& summary) { seen = summary; });
        loss_of(model, share(samples(0), communicator.get()), communicator.get()).backward();
        return at::tensor({double(seen.iterations), double(int(seen.status)), double(int(seen.route))}, at::kDouble);
      });
  for (const auto& each : told) {
    EXPECT_EQ(each[0].item<double>(), 2);
    EXPECT_EQ(Status(each[1].item<int64_t>()), Status::stalled);
    EXPECT_EQ(Route(each[2].item<int64_t>()), Route::feature_gram);
  }
}

TEST(JointSteps, ARankThatEndsIsAnErrorOfTheOthers) {
  ThreadRanks ranks(2);
  const auto one_leaves = [&] {
    on_ranks(
        ranks, 2, [] { return network(Cholesky{}, Route::feature_gram); },
        [](torch::nn::Sequential& model, const std::shared_ptr<Communicator>& communicator) {
          return communicator->rank() == 1 ? at::Tensor() : backward_once(model, communicator);
        });
  };
  EXPECT_THROW(one_leaves(), std::exception);
}

TEST(Owners, TakeTheNextLayerWhereThereIsLeastToDo) {
  Owners owners(3);
  EXPECT_EQ(owners.assign(5), 0);
  EXPECT_EQ(owners.assign(2), 1);
  EXPECT_EQ(owners.assign(3), 2);
  EXPECT_EQ(owners.assign(2), 1);
  EXPECT_EQ(owners.assign(1), 2);
  EXPECT_EQ(owners.largest(), 5);
}

}  // namespace
}  // namespace proxprop::testing
