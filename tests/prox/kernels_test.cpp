// The register-tiled kernels against ATen in float64. Run once per instruction set (PROXPROP_INSTRUCTION_SET).

#include "support/dense_reference.h"

#include "prox/conjugate_gradient.h"
#include "prox/conv_gram.h"
#include "prox/conv_gradient.h"
#include "prox/conv_sample_gram.h"
#include "prox/dense_cholesky.h"
#include "prox/dense_product.h"
#include "prox/direct_convolution.h"
#include "prox/eigenbasis.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace proxprop::testing {
namespace {

int64_t size_up_to(int largest) {
  return *rc::gen::inRange(1, largest + 1);
}

// A random matrix with one of the layouts that callers hand over.
at::Tensor matrix(int64_t rows, int64_t columns, at::ScalarType dtype) {
  const auto values = at::randn({rows, columns}, at::kDouble).to(dtype);
  switch (*rc::gen::inRange(0, 3)) {
    case 0: return values;
    case 1: return values.t().contiguous().t();
    default: return at::cat({values, values}, 1).narrow(1, 0, columns);
  }
}

// Rounding is relative to what is summed, not to what is left of it: a few outputs of a large image may cancel.
double error_against(const at::Tensor& value, const at::Tensor& reference, double scale) {
  return (value.to(at::kDouble) - reference).norm().item<double>() / std::max(scale, 1e-300);
}

RC_GTEST_PROP(DenseProduct, EqualsFloat64ProductForAnyShapeAndLayout, ()) {
  const auto m = size_up_to(150), k = size_up_to(1200), n = size_up_to(150);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const auto a = matrix(m, k, dtype), b = matrix(k, n, dtype);
    const auto reference = at::mm(a.to(at::kDouble), b.to(at::kDouble));
    const auto scale = at::mm(a.to(at::kDouble).abs(), b.to(at::kDouble).abs()).norm().item<double>();
    RC_ASSERT(error_against(matrix_product(a, b), reference, scale) <= (dtype == at::kFloat ? 1e-6 : 1e-15));
    RC_ASSERT(error_against(accurate_product(a, b), reference, scale) <= 1e-15);
  }
}

// A symmetric positive definite matrix with eigenvalues from 1 to about 1e4.
at::Tensor definite_matrix(int64_t n) {
  const auto x = at::randn({n, n}, at::kDouble);
  return at::mm(x, x.t()).mul_(100.0 / double(n)).add_(at::eye(n, at::kDouble));
}

RC_GTEST_PROP(DenseCholesky, SolvesAndInvertsAnySize, ()) {
  const auto n = size_up_to(400), m = size_up_to(60);
  const auto matrix = definite_matrix(n);
  const DenseCholesky factor(matrix.clone());
  RC_ASSERT(factor.positive_definite());
  const auto solution = at::randn({n, m}, at::kDouble);
  const auto found = at::mm(matrix, solution);
  factor.solve_in_place(found);
  RC_ASSERT(relative_error(found, solution) <= 1e-10);
  const auto inverse = factor.inverse();
  RC_ASSERT(relative_error(at::mm(matrix, inverse), at::eye(n, at::kDouble)) <= 1e-10);
  RC_ASSERT(inverse.equal(inverse.t()));
}

RC_GTEST_PROP(DenseCholesky, ReadsTheLowerHalfOnly, ()) {
  const auto n = size_up_to(200);
  const auto matrix = definite_matrix(n);
  const auto right = at::randn({n, 3}, at::kDouble);
  const auto first = right.clone(), second = right.clone();
  DenseCholesky(matrix.clone()).solve_in_place(first);
  DenseCholesky(matrix.tril() + at::randn({n, n}, at::kDouble).triu(1)).solve_in_place(second);
  RC_ASSERT(first.equal(second));
}

RC_GTEST_PROP(DenseCholesky, TellsWhatIsNotPositiveDefinite, ()) {
  const auto n = size_up_to(300);
  const auto place = *rc::gen::inRange<int64_t>(0, n);
  const auto matrix = definite_matrix(n);
  for (const double value : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    auto broken = matrix.clone();
    broken[place][place] = value;
    RC_ASSERT(!DenseCholesky(broken).positive_definite());
  }
}

RC_GTEST_PROP(SymmetricGram, EqualsFloat64ProductForAnyShapeAndLayout, ()) {
  const auto n = size_up_to(200), k = size_up_to(1200);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const auto x = matrix(n, k, dtype);
    const auto wide = x.to(at::kDouble);
    const auto gram = symmetric_gram(x);
    RC_ASSERT(relative_error(gram, at::mm(wide, wide.t())) <= 1e-14);
    RC_ASSERT(gram.equal(gram.t()));
  }
}

TEST(DenseProduct, DoesNotDependOnTheNumberOfThreads) {
  at::manual_seed(0);
  const auto a = at::randn({300, 700}), b = at::randn({700, 500});
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = matrix_product(a, b);
  const auto gram = symmetric_gram(a);
  at::set_num_threads(3);
  EXPECT_TRUE(matrix_product(a, b).equal(one));
  EXPECT_TRUE(symmetric_gram(a).equal(gram));
  at::set_num_threads(threads);
}

TEST(DenseProduct, EmptyAndNanBehaveAsInAten) {
  EXPECT_TRUE(matrix_product(at::ones({3, 0}), at::ones({0, 4})).equal(at::zeros({3, 4})));
  EXPECT_EQ(matrix_product(at::ones({0, 3}), at::ones({3, 4})).sizes(), at::IntArrayRef({0, 4}));
  auto a = at::ones({200, 300});
  a[7][3] = std::numeric_limits<float>::quiet_NaN();
  const auto product = matrix_product(a, at::ones({300, 100}));
  EXPECT_TRUE(product[7].isnan().all().item<bool>());
  EXPECT_EQ(product.isnan().sum().item<int64_t>(), 100);
}

struct Convolution {
  std::vector<int64_t> input;
  ConvGeometry geometry;

  std::vector<int64_t> output_size() const {
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
      const auto reach = (geometry.kernel_size[i] - 1) * geometry.dilation[i];
      sizes.push_back((input[2 + i] + 2 * geometry.padding[i] - reach - 1) / geometry.stride[i] + 1);
    }
    return sizes;
  }
};

// Any geometry whose kernel fits the padded image.
Convolution any_convolution(int64_t dims, bool unit_stride) {
  Convolution c;
  const auto groups = size_up_to(3);
  c.geometry.groups = groups;
  c.geometry.out_channels = groups * size_up_to(9);
  c.input = {size_up_to(5), groups * size_up_to(9)};
  for (int64_t i = 0; i < dims; ++i) {
    const auto kernel = size_up_to(dims == 3 ? 3 : 5), dilation = size_up_to(3);
    const auto padding = *rc::gen::inRange<int64_t>(0, 5);
    const auto least = std::max<int64_t>(1, (kernel - 1) * dilation + 1 - 2 * padding);
    c.geometry.kernel_size.push_back(kernel);
    c.geometry.dilation.push_back(dilation);
    c.geometry.padding.push_back(padding);
    c.geometry.stride.push_back(unit_stride ? 1 : size_up_to(3));
    c.input.push_back(least + *rc::gen::inRange<int64_t>(0, dims == 3 ? 4 : 12));
  }
  return c;
}

// What `fill` puts into a Gram whose rows lie apart, as where the bias has its place.
template <typename Fill>
at::Tensor filled_gram(const at::Tensor& x, const ConvGeometry& geometry, const Fill& fill) {
  const auto d = x.size(1) / geometry.groups * c10::multiply_integers(geometry.kernel_size);
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const auto gram = at::full({geometry.groups, d + 1, d + 1}, nan, at::kDouble).narrow(1, 0, d).narrow(2, 0, d);
  fill(gram);
  return gram;
}

at::Tensor gram_by_lags(const at::Tensor& x, const ConvGeometry& geometry, LagSums lag_sums) {
  return filled_gram(x, geometry, [&](const at::Tensor& gram) { conv_gram_by_lags(x, geometry, lag_sums, gram); });
}

at::Tensor gram_by_windows(const at::Tensor& x, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  return filled_gram(
      x, geometry, [&](const at::Tensor& gram) { conv_gram_by_windows(x, geometry, output_size, gram); });
}

at::Tensor gram_by_patches(const at::Tensor& x, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  return filled_gram(
      x, geometry, [&](const at::Tensor& gram) { conv_gram_by_patches(x, geometry, output_size, gram); });
}

RC_GTEST_PROP(ConvGram, LagsEqualPatchesForAnyGeometry, ()) {
  const auto c = any_convolution(size_up_to(2), /*unit_stride=*/true);
  const auto x = at::randn(c.input, at::kDouble);
  const auto reference = gram_by_patches(x, c.geometry, c.output_size());
  // Every lag is a sum over the whole image, of which borders are subtracted; there are `taps`^2 of them in G.
  const auto scale = x.square().sum().item<double>() * double(c10::multiply_integers(c.geometry.kernel_size));
  for (const auto lag_sums : {LagSums::direct, LagSums::fourier}) {
    RC_ASSERT(error_against(gram_by_lags(x, c.geometry, lag_sums), reference, scale) <= 1e-14);
    RC_ASSERT(error_against(gram_by_lags(x.to(at::kFloat), c.geometry, lag_sums), reference, scale) <= 1e-6);
  }
}

// 160 MB of patches, of which 64 MiB are made at a time.
TEST(ConvGram, PatchesOfManyImagesAreMadeInSeveralParts) {
  at::manual_seed(1);
  const auto x = at::randn({25, 1, 128, 128});
  const ConvGeometry geometry{1, {7, 7}, {1, 1}, {3, 3}, {1, 1}, 1};
  const std::vector<int64_t> output_size{128, 128};
  EXPECT_LE(relative_error(gram_by_patches(x, geometry, output_size), gram_by_windows(x, geometry, output_size)), 1e-5);
}

RC_GTEST_PROP(ConvGram, WindowsEqualPatchesForAnyGeometry, ()) {
  const auto c = any_convolution(size_up_to(3), /*unit_stride=*/false);
  const auto x = at::randn(c.input, at::kDouble);
  const auto reference = gram_by_patches(x, c.geometry, c.output_size());
  RC_ASSERT(relative_error(gram_by_windows(x, c.geometry, c.output_size()), reference) <= 1e-12);
  RC_ASSERT(relative_error(gram_by_windows(x.to(at::kFloat), c.geometry, c.output_size()), reference) <= 1e-5);
}

RC_GTEST_PROP(ConvSampleGram, PixelsEqualPatchesForAnyGeometry, ()) {
  const auto c = any_convolution(size_up_to(3), /*unit_stride=*/false);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const auto x = at::randn(c.input, dtype);
    const ConvTransfer transfer(x.to(at::kDouble), c.geometry, Trained{true, false});
    const auto patches = transfer.sample_matrix().matrix;
    const auto gram = conv_sample_gram(x, c.geometry, c.output_size());
    RC_ASSERT(relative_error(gram, at::bmm(patches, patches.transpose(1, 2))) <= 1e-13);
    RC_ASSERT(gram.equal(gram.transpose(1, 2)));
  }
}

RC_GTEST_PROP(ConvGradient, EqualsAtensForAnyGeometry, ()) {
  const auto c = any_convolution(size_up_to(3), /*unit_stride=*/false);
  auto x = at::randn(c.input, at::kDouble);
  std::vector<int64_t> size{c.input[0], c.geometry.out_channels};
  for (const auto n : c.output_size()) {
    size.push_back(n);
  }
  const auto g = at::randn(size, at::kDouble);
  std::vector<int64_t> shape{c.geometry.out_channels, c.input[1] / c.geometry.groups};
  shape.insert(shape.end(), c.geometry.kernel_size.begin(), c.geometry.kernel_size.end());
  const auto gradient = [&](const at::Tensor& output, const at::Tensor& input) {
    return std::get<1>(at::convolution_backward(
        output, input, at::empty(shape, x.options()), at::OptionalIntArrayRef(), c.geometry.stride, c.geometry.padding,
        c.geometry.dilation, false, std::vector<int64_t>(c.geometry.kernel_size.size(), 0), c.geometry.groups,
        {false, true, false}));
  };
  const auto reference = gradient(g, x);
  const auto scale = gradient(g.abs(), x.abs()).norm().item<double>();
  const auto result = conv_gradient(x, g, c.geometry);
  RC_ASSERT(error_against(result.weight, reference, scale) <= 1e-14);
  const auto bias = g.flatten(2).sum(at::IntArrayRef({0, 2}));
  RC_ASSERT(error_against(result.bias, bias, g.abs().sum().item<double>()) <= 1e-14);
  const auto narrow = conv_gradient(x.to(at::kFloat), g.to(at::kFloat), c.geometry);
  RC_ASSERT(error_against(narrow.weight, reference, scale) <= 1e-6);
  // Channels last, and a gradient whose images are expanded.
  if (x.dim() == 4) {
    x = x.contiguous(at::MemoryFormat::ChannelsLast);
    RC_ASSERT(error_against(conv_gradient(x, g, c.geometry).weight, reference, scale) <= 1e-14);
  }
  const auto expanded = g.narrow(0, 0, 1).expand_as(g);
  const auto dense = expanded.contiguous();
  RC_ASSERT(conv_gradient(x, expanded, c.geometry).weight.equal(conv_gradient(x, dense, c.geometry).weight));
}

RC_GTEST_PROP(DirectConvolution, EqualsAtensForAnyGeometry, ()) {
  const auto c = any_convolution(size_up_to(3), /*unit_stride=*/true);
  std::vector<int64_t> shape{c.geometry.out_channels, c.input[1] / c.geometry.groups};
  shape.insert(shape.end(), c.geometry.kernel_size.begin(), c.geometry.kernel_size.end());
  const std::vector<int64_t> none(c.geometry.kernel_size.size(), 0);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const double tolerance = dtype == at::kFloat ? 1e-6 : 1e-15;
    const auto x = at::randn(c.input, dtype), weight = at::randn(shape, dtype);
    const auto bias = *rc::gen::arbitrary<bool>() ? at::randn({shape[0]}, dtype) : at::Tensor();
    // In float64; of magnitudes it is the scale of what is summed.
    const auto convolve = [&](const auto& transform) {
      return at::convolution(
          transform(x), transform(weight), bias.defined() ? std::optional(transform(bias)) : std::nullopt,
          c.geometry.stride, c.geometry.padding, c.geometry.dilation, false, none, c.geometry.groups);
    };
    const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
    const auto magnitude = [](const at::Tensor& t) { return t.to(at::kDouble).abs(); };
    const auto reference = convolve(wide);
    const auto z = direct_convolution(x, weight, bias, c.geometry);
    RC_ASSERT(z.sizes() == reference.sizes());
    RC_ASSERT(error_against(z, reference, convolve(magnitude).norm().template item<double>()) <= tolerance);

    const auto g = at::randn(z.sizes(), dtype);
    if (direct_input_gradient_pays(g, weight, c.geometry)) {
      const auto back = [&](const auto& transform) {
        return std::get<0>(at::convolution_backward(
            transform(g), transform(x), transform(weight), at::OptionalIntArrayRef(), c.geometry.stride,
            c.geometry.padding, c.geometry.dilation, false, none, c.geometry.groups, {true, false, false}));
      };
      const auto scale = back(magnitude).norm().template item<double>();
      RC_ASSERT(error_against(direct_input_gradient(g, weight, c.geometry), back(wide), scale) <= tolerance);
    }
  }
}

// More images than are transformed at a time, more channels than one task takes, pixels next to their channels.
TEST(ConvGram, FourierLagsEqualDirectOnesForManyImagesAndChannels) {
  at::manual_seed(0);
  const auto x = at::rand({300, 2 * 37, 6, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  const ConvGeometry geometry{4, {3, 2}, {1, 1}, {1, 2}, {1, 2}, 2};
  const auto exact = gram_by_lags(x.to(at::kDouble), geometry, LagSums::direct);
  EXPECT_LE(relative_error(gram_by_lags(x.to(at::kDouble), geometry, LagSums::fourier), exact), 1e-14);
  const auto gram = gram_by_lags(x, geometry, LagSums::fourier);
  EXPECT_LE(relative_error(gram, exact), 1e-7);
  const auto threads = at::get_num_threads();
  at::set_num_threads(3);
  EXPECT_TRUE(gram_by_lags(x, geometry, LagSums::fourier).equal(gram));
  at::set_num_threads(threads);
}

TEST(ConvGram, FourierLagsAreTakenWhereChannelsAreMany) {
  const auto fourier_is_less = [](at::IntArrayRef input, int64_t kernel) {
    const auto x = at::empty(input);
    const ConvGeometry geometry{1, {kernel, kernel}, {1, 1}, {kernel / 2, kernel / 2}, {1, 1}, 1};
    return Rates{}.of(conv_gram_by_lags_work(x, geometry, LagSums::fourier)) <
           Rates{}.of(conv_gram_by_lags_work(x, geometry, LagSums::direct));
  };
  EXPECT_TRUE(fourier_is_less({128, 256, 8, 8}, 3));
  EXPECT_TRUE(fourier_is_less({128, 64, 32, 32}, 3));
  EXPECT_FALSE(fourier_is_less({500, 3, 32, 32}, 5));
  EXPECT_FALSE(fourier_is_less({500, 16, 16, 16}, 5));
  EXPECT_FALSE(fourier_is_less({500, 20, 8, 8}, 5));
}

// Float32 sums over 2e5 positions would lose five digits; the kernels hand over to float64 in time.
TEST(ConvGram, KeepsItsDigitsOverManyPositions) {
  at::manual_seed(0);
  const auto x = at::rand({60, 3, 64, 64});
  const ConvGeometry geometry{4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1};
  const auto reference = gram_by_patches(x.to(at::kDouble), geometry, {64, 64});
  for (const auto lag_sums : {LagSums::direct, LagSums::fourier}) {
    EXPECT_LE(relative_error(gram_by_lags(x, geometry, lag_sums), reference), 1e-7);
  }
  EXPECT_LE(relative_error(gram_by_windows(x, geometry, {64, 64}), reference), 1e-7);
}

// The textbook iteration on M = beta I + A^T A itself, column by column.
at::Tensor textbook(const at::Tensor& a, double beta, const at::Tensor& c, int64_t iterations) {
  const auto m = at::mm(a.t(), a) + beta * at::eye(a.size(1), at::kDouble);
  auto x = at::zeros({a.size(1), c.size(1)}, at::kDouble);
  auto r = at::mm(a.t(), c);
  auto p = r.clone();
  for (int64_t i = 0; i < iterations; ++i) {
    const auto squared = r.square().sum(0);
    const auto image = at::mm(m, p);
    const auto step = squared / (p * image).sum(0);
    x = x + step * p;
    r = r - step * image;
    p = r + r.square().sum(0) / squared * p;
  }
  return x;
}

RC_GTEST_PROP(Eigenbasis, ConjugateGradientIsTheTextbookIteration, ()) {
  const auto samples = size_up_to(20), inputs = samples + size_up_to(30), outputs = size_up_to(40);
  const auto iterations = size_up_to(4);
  const auto a = at::randn({samples, inputs}, at::kDouble), c = at::randn({samples, outputs}, at::kDouble);
  const auto basis = eigenbasis(at::mm(a, a.t()).unsqueeze(0));
  const auto rotated = at::matmul(basis.vectors.transpose(1, 2), c);
  const auto solution = conjugate_gradient_in_eigenbasis(basis, 3.0, rotated, iterations, 0.0);
  const auto x = at::mm(a.t(), at::matmul(basis.vectors, solution.coefficients)[0]);
  RC_PRE(iterations <= samples);
  RC_ASSERT(relative_error(x, textbook(a, 3.0, c, iterations)) <= 1e-9);
}

TEST(Eigenbasis, ToleranceEndsEachColumnAndSaysSo) {
  at::manual_seed(0);
  const auto a = at::randn({10, 30}, at::kDouble), c = at::randn({10, 50}, at::kDouble);
  const auto basis = eigenbasis(at::mm(a, a.t()).unsqueeze(0));
  const auto rotated = at::matmul(basis.vectors.transpose(1, 2), c);
  EXPECT_FALSE(conjugate_gradient_in_eigenbasis(basis, 1.0, rotated, 2, 1e-12).converged);
  const auto solution = conjugate_gradient_in_eigenbasis(basis, 1.0, rotated, 60, 1e-12);
  EXPECT_TRUE(solution.converged);
  const auto exact = rotated / (basis.values.unsqueeze(-1) + 1.0);
  EXPECT_LE(relative_error(solution.coefficients, exact), 1e-10);
}

TEST(Eigenbasis, NanAndZeroColumns) {
  auto gram = at::eye(4, at::kDouble).unsqueeze(0);
  auto right = at::ones({1, 4, 3}, at::kDouble);
  right.select(2, 1).zero_();
  right.select(2, 2).fill_(std::numeric_limits<double>::quiet_NaN());
  const auto x = conjugate_gradient_in_eigenbasis(eigenbasis(gram), 1.0, right, 3, 0.0).coefficients[0];
  EXPECT_LE((x.select(1, 0) - 0.5).abs().max().item<double>(), 1e-14);
  EXPECT_TRUE(x.select(1, 1).equal(at::zeros({4}, at::kDouble)));
  EXPECT_TRUE(x.select(1, 2).isnan().all().item<bool>());
  gram[0][1][2] = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(eigenbasis(gram).vectors.isnan().all().item<bool>());
}

}  // namespace
}  // namespace proxprop::testing
