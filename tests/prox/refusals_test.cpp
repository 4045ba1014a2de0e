// What is refused at the entries of the core, and what beside it is not.

#include <proxprop/prox/direction.h>
#include <proxprop/prox/kronecker.h>
#include <proxprop/prox/plan.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace proxprop {
namespace {

// That the call throws c10::Error, with the words.
void expect_refused(const std::function<void()>& call, const std::string& words) {
  try {
    call();
    ADD_FAILURE() << "accepted, without: " << words;
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(Refusals, OptionsOutsideOfTheirRange) {
  const auto refused = [](const ProximalOptions& options, const std::string& words) {
    expect_refused([&] { check(options); }, words);
  };
  const auto with = [](const Solver& solver) { return ProximalOptions{1.0, solver}; };
  for (const double tau_theta : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    refused({tau_theta}, "tau_theta must be positive");
  }
  refused({1.0, Cholesky{}, Scaling::sum, std::nullopt, -1}, "memory_limit must not be negative");
  refused(with(ConjugateGradient{0}), "at least 1 iteration");
  for (const double tolerance : {-1e-30, std::nan(""), HUGE_VAL}) {
    refused(with(ConjugateGradient{1, tolerance}), "tolerance must be non-negative");
  }
  for (const double tolerance : {0.0, 1.0, -0.1, 2.0, std::nan("")}) {
    refused(with(AmortizedCholesky{tolerance}), "tolerance must lie in (0, 1)");
  }
  refused(with(AmortizedCholesky{0.1, 0, 1}), "update_every and max_iterations");
  refused(with(AmortizedCholesky{0.1, 1, 0}), "update_every and max_iterations");
  for (const double decay : {-0.1, 1.0, 1.5, std::nan("")}) {
    refused(with(RunningGram{decay, 1, 1}), "decay must lie in [0, 1)");
  }
  refused(with(RunningGram{0.5, 0, 1}), "update_every of at least 1");
  refused(with(RunningGram{0.5, 3, 0}), "average_steps from 1");
  refused(with(RunningGram{0.5, 3, 4}), "average_steps from 1");

  for (const auto& solver : std::vector<Solver>{
           ConjugateGradient{1, 0.0}, AmortizedCholesky{0.99, 1, 1}, RunningGram{0.0, 1, 1}, RunningGram{0.5, 3, 3}}) {
    EXPECT_NO_THROW(check(with(solver))) << to_string(solver);
  }
}

TEST(Refusals, ImpossibleConvolutions) {
  const auto input = at::zeros({2, 6, 8, 8});
  const auto refused = [&](ConvGeometry geometry, const std::string& words, Trained trained = {}) {
    expect_refused([&] { ConvTransfer(input, geometry, trained); }, words);
  };
  const std::vector<int64_t> one{1, 1}, none{0, 0};
  refused({4, {}, {}, {}, {}, 1}, "1 to 3 spatial dimensions");
  const std::vector<int64_t> four{1, 1, 1, 1};
  refused({4, four, four, four, four, 1}, "1 to 3 spatial dimensions");
  refused({4, {3, 3}, {1}, none, one, 1}, "need 2 values each");
  refused({4, {3, 3}, one, {0, 0, 0}, one, 1}, "need 2 values each");
  refused({4, {3, 3}, one, none, {1}, 1}, "need 2 values each");
  refused({4, {3, 0}, one, none, one, 1}, "must be positive");
  refused({4, {3, 3}, {0, 1}, none, one, 1}, "must be positive");
  refused({4, {3, 3}, one, none, {1, 0}, 1}, "must be positive");
  refused({4, {3, 3}, one, {-1, 0}, one, 1}, "must be positive");
  refused({0, {3, 3}, one, none, one, 1}, "needs output channels");
  refused({4, {3}, {1}, {0}, {1}, 1}, "needs an input [N, C, *]");
  refused({4, {3, 3}, one, none, one, 0}, "divisible by groups");
  refused({4, {3, 3}, one, none, one, 4}, "divisible by groups");  // 6 input channels
  refused({4, {3, 3}, one, none, one, 3}, "divisible by groups");  // 4 output channels
  refused({4, {3, 3}, one, none, one, 1}, "neither weight nor bias", {false, false});
  refused({4, {9, 3}, one, none, one, 1}, "larger than the padded input");
  refused({4, {3, 5}, one, none, {1, 2}, 1}, "larger than the padded input");
  EXPECT_NO_THROW(ConvTransfer(input, {4, {8, 3}, one, none, one, 1}, {}));
  EXPECT_NO_THROW(ConvTransfer(input, {4, {3, 5}, one, {0, 1}, {1, 2}, 2}, {true, false}));
  EXPECT_NO_THROW(ConvTransfer(input, {4, {3, 3}, one, none, one, 1}, {false, true}));
}

TEST(Refusals, ImpossibleTransposedConvolutions) {
  const auto input = at::zeros({2, 4, 3, 3});
  const auto refused = [&](std::vector<int64_t> padding, std::vector<int64_t> outside, const std::string& words) {
    const ConvTransposeGeometry geometry{{4, {3, 3}, {2, 1}, std::move(padding), {1, 3}, 1}, std::move(outside)};
    expect_refused([&] { ConvTransposeTransfer(input, geometry, {}); }, words);
  };
  refused({1, 1}, {0}, "output padding needs 2 values");
  refused({1, 1}, {-1, 0}, "must be smaller than stride or dilation");
  refused({1, 1}, {2, 0}, "must be smaller than stride or dilation");
  refused({1, 1}, {0, 3}, "must be smaller than stride or dilation");
  refused({4, 1}, {0, 0}, "leaves nothing of the output");
  EXPECT_NO_THROW(ConvTransposeTransfer(input, {{4, {3, 3}, {2, 1}, {3, 1}, {1, 3}, 1}, {1, 2}}, {}));
}

TEST(Refusals, OtherTransfers) {
  expect_refused([] { DenseTransfer(at::zeros({}), 1, {}); }, "got a scalar");
  expect_refused([] { DenseTransfer(at::zeros({3, 2}), 1, {false, false}); }, "neither weight nor bias");
  const auto use = std::make_shared<DenseTransfer>(at::zeros({3, 2}), 1, Trained{});
  expect_refused([&] { StackedTransfer({}, {}); }, "one output size per stacked use");
  expect_refused([&] { StackedTransfer({use, use}, {{3, 1}}); }, "one output size per stacked use");
}

// The map theta -> theta of one parameter, and wrong ones.
FunctionTransfer map(
    std::function<at::Tensor(const at::Tensor&)> apply,
    std::function<std::vector<at::Tensor>(const at::Tensor&)> adjoint) {
  return {
      {{3}},
      [apply = std::move(apply)](at::TensorList theta) { return apply(theta[0]); },
      [adjoint = std::move(adjoint)](const at::Tensor& z) { return adjoint(z); }};
}

TEST(Refusals, PairsOfFunctionsThatDoNotFit) {
  const auto same = [](const at::Tensor& x) { return x; };
  const auto listed = [](const at::Tensor& x) { return std::vector{x}; };
  const auto output = at::zeros({3}, at::kDouble);
  EXPECT_LE(check_adjoint(map(same, listed), output), 1e-14);
  expect_refused(
      [&] {
        check_adjoint(map([](const at::Tensor& x) { return at::cat({x, x}); }, listed), output);
      },
      "phi gives an output of shape");
  expect_refused(
      [&] {
        check_adjoint(map(same, [](const at::Tensor& x) { return std::vector{x, x}; }), output);
      },
      "phi* gives 2 tensors");
  expect_refused(
      [&] {
        check_adjoint(map(same, [](const at::Tensor& x) { return std::vector{x.view({1, 3})}; }), output);
      },
      "phi* gives shape");
}

TEST(Refusals, StepsThatTheTransferDoesNotOffer) {
  const auto transfer = map([](const at::Tensor& x) { return x; }, [](const at::Tensor& x) { return std::vector{x}; });
  const auto g = at::ones({3}, at::kDouble);
  for (const auto& [route, words] :
       {std::pair{Route::sample_gram, "offers no sample matrix"}, {Route::feature_gram, "offers no feature Gram"}}) {
    expect_refused(
        [&, route = route] {
          proximal_direction(transfer, g, {1.0, Cholesky{}, Scaling::sum, route});
        },
        words);
  }
  expect_refused(
      [&] {
        proximal_direction(transfer, g, {1.0, ConjugateGradient{1, 0.0, Coupling::per_output}});
      },
      "Coupling::per_output needs a transfer");
  expect_refused([&] { input_gram(transfer); }, "offers no Gram matrix");
  expect_refused([&] { output_gram(transfer, g); }, "are not rows");

  const DenseTransfer dense(at::ones({4, 2}, at::kDouble), 3, {});
  for (const auto dtype : {at::kHalf, at::kLong}) {
    expect_refused([&] { proximal_direction(dense, at::ones({4, 3}, dtype), {}); }, "must be float32 or float64");
  }
  expect_refused(
      [&] {
        SolverState state;
        proximal_direction(
            dense, at::ones({4, 3}, at::kDouble), {1.0, RunningGram{}, Scaling::sum, Route::sample_gram}, &state);
      },
      "goes no other route");
}

TEST(Refusals, GramsOfAnotherShapeOrType) {
  const auto gram = at::eye(3, at::kDouble).unsqueeze(0);
  EXPECT_NO_THROW(damped_inverse(gram, 1.0));
  for (const auto& wrong : {gram[0], gram.narrow(2, 0, 2), gram.to(at::kFloat)}) {
    expect_refused([&] { damped_inverse(wrong, 1.0); }, "damped_inverse needs Gram matrices");
  }
}

}  // namespace
}  // namespace proxprop
