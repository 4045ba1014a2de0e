// What the planner says of memory, against what the allocator counts.

#include "benchmarks/counting_allocator.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/plan.h>
#include <proxprop/prox/scratch_memory.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

namespace proxprop::benchmarks {
namespace {

// Small things that are not worth a term each: bookkeeping, vectors, packed images.
constexpr double small = 4 << 20;

struct Layer {
  std::string name;
  std::function<std::shared_ptr<const LinearTransfer>()> make;
};

Layer dense(int64_t rows, int64_t in, int64_t out) {
  return {"linear " + std::to_string(rows) + " x " + std::to_string(in) + " to " + std::to_string(out), [=] {
            return std::make_shared<DenseTransfer>(at::rand({rows, in}), out, Trained{});
          }};
}

Layer conv(std::vector<int64_t> input, int64_t out, int64_t kernel, int64_t stride, int64_t groups = 1) {
  const auto padding = (kernel - 1) / 2;
  return {
      "conv " + std::to_string(input[1]) + " to " + std::to_string(out) + " k" + std::to_string(kernel) + " at " +
          std::to_string(input[2]) + " stride " + std::to_string(stride),
      [=] {
        const ConvGeometry geometry{out, {kernel, kernel}, {stride, stride}, {padding, padding}, {1, 1}, groups};
        return std::make_shared<ConvTransfer>(at::rand(input), geometry, Trained{});
      }};
}

Layer conv_transpose(std::vector<int64_t> input, int64_t out) {
  return {"conv_transpose " + std::to_string(input[1]) + " to " + std::to_string(out), [=] {
            const ConvTransposeGeometry geometry{{out, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}};
            return std::make_shared<ConvTransposeTransfer>(at::rand(input), geometry, Trained{});
          }};
}

std::vector<Layer> layers() {
  return {
      dense(300, 1500, 800),
      dense(300, 200, 1000),
      dense(900, 700, 30),
      conv({64, 3, 32, 32}, 16, 5, 1),
      conv({16, 64, 16, 16}, 64, 3, 1),
      conv({16, 128, 8, 8}, 128, 3, 1),
      conv({8, 64, 16, 16}, 64, 3, 2),
      conv({8, 256, 4, 4}, 256, 3, 1),
      conv({16, 32, 16, 16}, 32, 3, 1, 4),
      conv_transpose({8, 64, 8, 8}, 32)};
}

double bytes_of_direction(const LinearTransfer& transfer) {
  double numbers = 0;
  for (const auto& shape : transfer.parameter_shapes()) {
    numbers += double(c10::multiply_integers(shape));
  }
  return 4 * numbers;
}

void expect_bounded(const Layer& layer, const Solver& solver, Route route) {
  at::manual_seed(0);
  const auto transfer = layer.make();
  const ProximalOptions options{1.0, solver, Scaling::sum, route};
  const auto problem = describe(*transfer, options);
  const auto candidates = plan(problem).candidates;
  const auto cost =
      std::find_if(candidates.begin(), candidates.end(), [&](const RouteCost& c) { return c.route == route; });
  if (cost->bytes > 3e8 || cost->relative > 60) {
    return;  // not what anyone would do with such a layer
  }
  const auto grad_output = at::randn(*transfer->output_shape());
  SolverState state;
  {  // packing panels of the threads come once and stay
    SolverState other;
    proximal_direction(*transfer, grad_output, options, &other);
  }
  auto& allocator = counting_allocator();
  release_scratch_memory();
  const auto before = allocator.live();
  allocator.restart_peak();
  proximal_direction(*transfer, grad_output, options, &state);
  const auto peak = double(allocator.peak() - before) - bytes_of_direction(*transfer);
  const auto what = layer.name + ", " + to_string(solver) + " by " + to_string(route);
  EXPECT_LE(peak, cost->bytes + small) << what;
  EXPECT_LE(cost->bytes, 3 * std::max(peak, 0.0) + small) << what << ": the estimate says nothing";
}

TEST(PlannedMemory, BoundsWhatStepsTake) {
  for (const auto& layer : layers()) {
    for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3}), Solver(ConjugateGradient{10})}) {
      for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
        if (is_exact(solver) && route == Route::matrix_free) {
          continue;
        }
        expect_bounded(layer, solver, route);
      }
    }
    for (const Solver& solver : {Solver(RunningGram{}), Solver(AmortizedCholesky{})}) {
      expect_bounded(layer, solver, Route::feature_gram);
    }
  }
}

TEST(PlannedMemory, ReleasedScratchIsGone) {
  auto& allocator = counting_allocator();
  const auto step = [] {
    const DenseTransfer transfer(at::rand({200, 900}), 50, Trained{});
    proximal_direction(transfer, at::randn({200, 50}), {1.0, Cholesky{}, Scaling::sum, Route::feature_gram});
  };
  step();  // packing panels of the threads come once and stay
  release_scratch_memory();
  const auto before = allocator.live();
  step();
  EXPECT_GT(allocator.live(), before) << "the case does not test what it says";
  release_scratch_memory();
  EXPECT_EQ(allocator.live(), before);
}

}  // namespace
}  // namespace proxprop::benchmarks
