#pragma once
// Small transfers of every kind, for tests that hold for all of them.

#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::testing {

struct TransferInstance {
  std::shared_ptr<const LinearTransfer> transfer;
  at::Tensor grad_output;
};

struct TransferCase {
  std::string name;
  std::function<TransferInstance(at::ScalarType, int64_t variant)> build;

  /// Variants have other data, and the more samples the higher they are.
  TransferInstance make(at::ScalarType dtype, int64_t variant = 0) const { return build(dtype, variant); }
};

inline std::ostream& operator<<(std::ostream& stream, const TransferCase& c) {
  return stream << c.name;
}

inline TransferInstance make_dense(
    std::vector<int64_t> input_size, int64_t outputs, Trained trained, at::ScalarType dtype, int64_t variant = 0) {
  at::manual_seed(1 + 10 * variant);
  if (input_size.size() > 1) {
    input_size[0] += variant;
  }
  const auto input = at::randn(input_size, at::kDouble).to(dtype);
  input_size.back() = outputs;
  return {std::make_shared<DenseTransfer>(input, outputs, trained), at::randn(input_size, at::kDouble).to(dtype)};
}

inline TransferInstance make_conv(
    std::vector<int64_t> input_size,
    ConvGeometry geometry,
    Trained trained,
    at::ScalarType dtype,
    int64_t variant = 0) {
  at::manual_seed(2 + 10 * variant);
  if (input_size.size() > 1) {
    input_size[0] += variant;
  }
  const auto input = at::randn(input_size, at::kDouble).to(dtype);
  const auto transfer = std::make_shared<ConvTransfer>(input, geometry, trained);
  std::vector<int64_t> shape{geometry.out_channels, input_size[1] / geometry.groups};
  shape.insert(shape.end(), geometry.kernel_size.begin(), geometry.kernel_size.end());
  const auto output = at::convolution(
      input, at::zeros(shape, input.options()), std::nullopt, geometry.stride, geometry.padding, geometry.dilation,
      false, std::vector<int64_t>(geometry.kernel_size.size(), 0), geometry.groups);
  return {transfer, at::randn(output.sizes(), at::kDouble).to(dtype)};
}

inline TransferInstance make_conv_transpose(
    std::vector<int64_t> input_size,
    ConvTransposeGeometry geometry,
    Trained trained,
    at::ScalarType dtype,
    int64_t variant = 0) {
  at::manual_seed(3 + 10 * variant);
  if (input_size.size() > 1) {
    input_size[0] += variant;
  }
  const auto input = at::randn(input_size, at::kDouble).to(dtype);
  const auto transfer = std::make_shared<ConvTransposeTransfer>(input, std::move(geometry), trained);
  return {transfer, at::randn(*transfer->output_shape(), at::kDouble).to(dtype)};
}

/// Several uses as one.
inline TransferInstance stacked(const std::vector<TransferInstance>& uses) {
  std::vector<std::shared_ptr<const LinearTransfer>> transfers;
  std::vector<std::vector<int64_t>> sizes;
  std::vector<at::Tensor> gradients;
  for (const auto& use : uses) {
    transfers.push_back(use.transfer);
    sizes.push_back(use.grad_output.sizes().vec());
    gradients.push_back(use.grad_output.reshape({-1}));
  }
  return {std::make_shared<StackedTransfer>(std::move(transfers), std::move(sizes)), at::cat(gradients)};
}

inline std::vector<TransferCase> transfer_cases() {
  std::vector<TransferCase> cases;
  const auto dense = [&](std::string name, std::vector<int64_t> size, int64_t outputs, Trained trained = {}) {
    cases.push_back(
        {"Linear" + name, [=](at::ScalarType t, int64_t v) { return make_dense(size, outputs, trained, t, v); }});
  };
  dense("FewSamples", {4, 9}, 5);
  dense("ManySamples", {20, 6}, 3);
  dense("MoreOutputsThanInputs", {5, 6}, 11);
  dense("Sequence", {2, 3, 4, 5}, 3);
  dense("OneSample", {1, 7}, 4);
  dense("NoBias", {6, 8}, 3, {true, false});
  dense("BiasOnly", {6, 8}, 3, {false, true});
  dense("OneFeature", {6, 1}, 2);
  dense("OnlyFeatures", {7}, 3);

  const auto conv = [&](std::string name, std::vector<int64_t> size, ConvGeometry geometry, Trained trained = {}) {
    cases.push_back(
        {"Conv" + name, [=](at::ScalarType t, int64_t v) { return make_conv(size, geometry, trained, t, v); }});
  };
  conv("Same5x5", {2, 3, 8, 7}, {4, {5, 5}, {1, 1}, {2, 2}, {1, 1}, 1});
  conv("Valid3x3", {3, 2, 6, 5}, {3, {3, 3}, {1, 1}, {0, 0}, {1, 1}, 1});
  conv("PartlyPadded", {2, 2, 7, 9}, {2, {5, 3}, {1, 1}, {1, 0}, {1, 1}, 1});
  conv("OverPadded", {2, 2, 5, 4}, {2, {3, 3}, {1, 1}, {4, 3}, {1, 1}, 1});
  conv("Pointwise", {3, 4, 3, 3}, {5, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1});
  conv("Strided", {2, 2, 9, 8}, {3, {3, 3}, {2, 3}, {1, 1}, {1, 1}, 1});
  conv("Dilated", {2, 2, 11, 9}, {3, {3, 3}, {1, 1}, {2, 1}, {2, 3}, 1});
  conv("DilatedValid", {2, 2, 11, 12}, {3, {3, 3}, {1, 1}, {0, 3}, {2, 2}, 1});
  conv("Grouped", {2, 6, 6, 5}, {4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2});
  conv("Depthwise", {2, 4, 6, 5}, {8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 4});
  conv("StridedGroupedDilated", {2, 4, 10, 9}, {4, {3, 2}, {2, 1}, {1, 0}, {1, 2}, 2});
  conv("KernelLargerThanImage", {3, 2, 2, 3}, {2, {5, 5}, {1, 1}, {2, 2}, {1, 1}, 1});
  conv("NoBias", {2, 2, 5, 5}, {3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, {true, false});
  conv("BiasOnly", {2, 2, 5, 5}, {3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, {false, true});
  conv("1d", {3, 2, 11}, {3, {4}, {1}, {2}, {1}, 1});
  conv("1dStrided", {3, 2, 11}, {3, {3}, {2}, {1}, {2}, 1});
  conv("3d", {2, 2, 4, 5, 4}, {2, {2, 3, 2}, {1, 1, 1}, {1, 1, 0}, {1, 1, 1}, 1});
  conv("3dStrided", {2, 2, 5, 5, 4}, {2, {2, 2, 2}, {2, 1, 2}, {0, 1, 1}, {1, 2, 1}, 1});

  const auto transposed = [&](std::string name, std::vector<int64_t> size, ConvTransposeGeometry geometry,
                              Trained trained = {}) {
    cases.push_back({"ConvTranspose" + name, [=](at::ScalarType t, int64_t v) {
                       return make_conv_transpose(size, geometry, trained, t, v);
                     }});
  };
  transposed("Doubling", {2, 3, 4, 3}, {{2, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}});
  transposed("OutputPadded", {2, 2, 4, 3}, {{3, {3, 3}, {2, 2}, {1, 0}, {1, 1}, 1}, {1, 1}});
  transposed("UnitStride", {2, 2, 5, 4}, {{3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1}, {0, 0}});
  transposed("StrideAboveKernel", {2, 2, 3, 4}, {{2, {2, 1}, {3, 2}, {0, 0}, {1, 1}, 1}, {1, 1}});
  transposed("StrideAndDilationShareAFactor", {2, 2, 4, 3}, {{2, {3, 3}, {4, 2}, {1, 2}, {2, 2}, 1}, {1, 0}});
  transposed("StrideAndDilationCoprime", {2, 2, 4, 3}, {{2, {4, 3}, {2, 3}, {2, 1}, {3, 2}, 1}, {1, 2}});
  transposed("OutputPaddingAboveStride", {2, 2, 4, 5}, {{2, {2, 3}, {1, 2}, {1, 2}, {3, 4}, 1}, {2, 3}});
  transposed("OverPadded", {2, 2, 5, 4}, {{2, {2, 2}, {2, 2}, {3, 2}, {1, 1}, 1}, {0, 1}});
  transposed("OnePixel", {5, 3, 1, 1}, {{2, {4, 3}, {1, 2}, {0, 0}, {1, 1}, 1}, {0, 1}});
  transposed("Pointwise", {2, 4, 3, 3}, {{3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1}, {0, 0}});
  transposed("Grouped", {2, 6, 3, 3}, {{4, {3, 2}, {2, 1}, {1, 0}, {1, 1}, 2}, {1, 0}});
  transposed("Depthwise", {2, 4, 3, 3}, {{8, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 4}, {0, 0}});
  transposed("NoBias", {2, 2, 3, 3}, {{3, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}}, {true, false});
  transposed("BiasOnly", {2, 2, 3, 3}, {{3, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1}, {0, 0}}, {false, true});
  transposed("1d", {3, 2, 5}, {{3, {5}, {2}, {2}, {1}, 1}, {1}});
  transposed("3d", {2, 2, 2, 3, 2}, {{2, {2, 3, 2}, {2, 1, 2}, {0, 1, 1}, {1, 1, 2}, 1}, {1, 0, 0}});

  cases.push_back({"StackedLinear", [](at::ScalarType t, int64_t v) {
                     return stacked({make_dense({3, 6}, 4, {}, t, v), make_dense({5, 6}, 4, {}, t, v)});
                   }});
  cases.push_back(
      {"StackedThreeTimes", [](at::ScalarType t, int64_t v) {
         return stacked(
             {make_dense({3, 6}, 4, {}, t, v), make_dense({5, 6}, 4, {}, t, v), make_dense({2, 6}, 4, {}, t, v)});
       }});
  cases.push_back(
      {"StackedConvOfTwoSizes", [](at::ScalarType t, int64_t v) {
         const ConvGeometry geometry{3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1};
         return stacked({make_conv({2, 2, 5, 4}, geometry, {}, t, v), make_conv({1, 2, 7, 6}, geometry, {}, t, v)});
       }});
  cases.push_back({"StackedConvTransposeOfTwoSizes", [](at::ScalarType t, int64_t v) {
                     const ConvGeometry geometry{4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 2};
                     return stacked(
                         {make_conv_transpose({2, 2, 3, 2}, {geometry, {0, 0}}, {}, t, v),
                          make_conv_transpose({1, 2, 4, 3}, {geometry, {1, 0}}, {}, t, v)});
                   }});
  return cases;
}

}  // namespace proxprop::testing
