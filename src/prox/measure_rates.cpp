// Every kernel at a size that occurs in steps: large enough that starting it costs nothing, and for a few milliseconds.

#include <proxprop/prox/rates.h>

#include "prox/conv_gram.h"
#include "prox/dense_product.h"
#include "prox/eigenbasis.h"
#include "prox/factor.h"
#include "prox/fourier_lags.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace proxprop {

namespace {

constexpr int repetitions = 4;

// The fastest of a few, after a first one that warms up.
template <typename Run>
double seconds(const Run& run) {
  double fastest = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    fastest = i == 0 ? fastest : std::min(fastest, taken.count());
  }
  return fastest;
}

// The same numbers every time, without a word to the generator that training draws from.
at::Tensor numbers(at::IntArrayRef sizes) {
  return at::sin(at::arange(c10::multiply_integers(sizes), at::kFloat)).reshape(sizes);
}

double seconds_of_factor(int64_t n) {
  const auto matrix = symmetric_gram(numbers({n, n}));
  matrix.diagonal().add_(1.0);
  auto copy = at::empty_like(matrix).unsqueeze(0);
  return seconds([&] {
    copy.copy_(matrix);
    factorize(copy, 1.0);
  });
}

// t(n) = factor n^3 / 3 + pivot n, from two sizes.
void measure_factor(double& factor, double& pivot) {
  constexpr double small = 192, large = 960;
  const auto of_small = seconds_of_factor(int64_t(small)), of_large = seconds_of_factor(int64_t(large));
  const auto per_cube = (of_large / large - of_small / small) / (large * large - small * small);
  factor = 3 * std::max(per_cube, of_large / (large * large * large) / 10);
  pivot = std::max(of_small / small - factor * small * small / 3, 0.0);
}

void measure_dense(double& product, double& product64, double& library) {
  constexpr int64_t n = 512, depth = 1536;
  const auto a = numbers({n, depth}), b = numbers({depth, n});
  const auto operations = 2.0 * double(n * n * depth);
  product = seconds([&] { matrix_product(a, b); }) / operations;
  library = seconds([&] { at::mm(a, b); }) / operations;
  product64 = seconds([&] { symmetric_gram(a); }) / (operations / 2);
}

void measure_images(double& correlation, double& fourier, double& library) {
  const ConvGeometry three_by_three{64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1};
  const auto images = numbers({32, 32, 16, 16});
  const auto gram = at::empty({1, 32 * 9, 32 * 9}, at::kDouble);
  correlation = seconds([&] { conv_gram_by_lags(images, three_by_three, LagSums::direct, gram); }) /
                conv_gram_by_lags_work(images, three_by_three, LagSums::direct)[Kernel::correlation];
  const auto many_channels = numbers({64, 128, 8, 8});
  const LagGrid lags{{3, 3}, {1, 1}};
  fourier = seconds([&] { fourier_lags(many_channels, lags, 1); }) / fourier_lags_flops(many_channels, lags, 1);
  const auto weight = numbers({64, 32, 3, 3});
  const auto operations = 2.0 * double(images.numel()) * 9 * double(weight.size(0));
  library = seconds([&] { at::conv2d(images, weight, {}, 1, 1); }) / operations;
}

}  // namespace

Rates measure_rates() {
  const c10::NoGradGuard no_grad;
  Rates rates;
  rates.measured = true;
  const auto cost = [&](Kernel kernel) -> double& { return rates.costs[size_t(kernel)]; };
  measure_dense(cost(Kernel::product), cost(Kernel::product64), cost(Kernel::library_product));
  measure_factor(cost(Kernel::factor), cost(Kernel::pivot));
  measure_images(cost(Kernel::correlation), cost(Kernel::fourier), cost(Kernel::library_convolution));
  constexpr int64_t side = 256;
  const auto gram = symmetric_gram(numbers({side, side})).unsqueeze(0);
  cost(Kernel::eigenbasis) = seconds([&] { eigenbasis(gram); }) / double(side * side * side);
  const auto from = numbers({int64_t(8) << 20});
  const auto to = at::empty_like(from);
  cost(Kernel::memory) = seconds([&] { to.copy_(from); }) / (2.0 * double(from.nbytes()));
  cost(Kernel::wire) = 50 * cost(Kernel::product);  // not measured: the network is not this machine's
  return rates;
}

}  // namespace proxprop
