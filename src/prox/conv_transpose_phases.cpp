#include "prox/conv_transpose_phases.h"

#include "prox/conv_geometry.h"

#include <ATen/ATen.h>
#include <c10/util/generic_math.h>

#include <algorithm>
#include <numeric>

namespace proxprop {

namespace {

// One spatial dimension of a phase.
struct AxisPhase {
  Progression taps, outputs;
  int64_t dilation, padding;
  int64_t before, after;  ///< margins beside the padding, which is equal on both sides
};

int64_t divide_up(int64_t a, int64_t b) {
  return -c10::div_floor_integer(-a, b);
}

std::vector<AxisPhase> axis_phases(int64_t pixels, int64_t outputs, const ConvTransposeGeometry& geometry, size_t i) {
  const auto stride = geometry.stride[i], kernel = geometry.kernel_size[i];
  const auto common = std::gcd(stride, geometry.dilation[i]);
  const auto tap_step = stride / common, dilation = geometry.dilation[i] / common;
  std::vector<AxisPhase> phases;
  for (int64_t first = 0; first < std::min(kernel, tap_step); ++first) {
    const Progression taps{first, tap_step, (kernel - 1 - first) / tap_step + 1};
    const auto reach = (taps.count - 1) * dilation;
    // Output j stride - offset; what lies outside of j = 0 .. pixels - 1 + reach sees no pixel.
    const auto offset = geometry.padding[i] - first * geometry.dilation[i];
    const auto j_first = std::max<int64_t>(0, divide_up(offset, stride));
    const auto j_last = std::min(pixels - 1 + reach, c10::div_floor_integer(outputs - 1 + offset, stride));
    if (j_last < j_first) {
      continue;
    }
    const auto before = reach - j_first, after = j_last - (pixels - 1);
    const auto padding = std::max<int64_t>(0, std::min(before, after));
    phases.push_back(
        {taps,
         {j_first * stride - offset, stride, j_last - j_first + 1},
         dilation,
         padding,
         before - padding,
         after - padding});
  }
  return phases;
}

}  // namespace

std::vector<int64_t> ConvPhase::output_size() const {
  std::vector<int64_t> sizes;
  for (const auto& progression : outputs) {
    sizes.push_back(progression.count);
  }
  return sizes;
}

ConvTransfer ConvPhase::transfer(const at::Tensor& input, Trained trained) const {
  const bool as_it_is = std::all_of(margin.begin(), margin.end(), [](int64_t m) { return m == 0; });
  return {as_it_is ? input : at::constant_pad_nd(input, margin), convolution, trained};
}

ConvTransfer ConvPhase::sized_transfer(const at::Tensor& input) const {
  auto sizes = input.sizes().vec();
  for (size_t i = 0; i < margin.size(); ++i) {
    sizes[sizes.size() - 1 - i / 2] += margin[i];
  }
  return {at::empty({}, input.options()).expand(sizes), convolution, {true, false}};
}

double ConvPhase::input_bytes(const at::Tensor& input) const {
  double pixels = 1;
  for (size_t i = 0; i < margin.size(); i += 2) {
    pixels *= double(input.size(input.dim() - 1 - int64_t(i / 2)) + margin[i] + margin[i + 1]);
  }
  return pixels * double(input.size(0) * input.size(1) * input.element_size());
}

std::vector<int64_t> transposed_output_size(at::IntArrayRef spatial_input, const ConvTransposeGeometry& geometry) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
    sizes.push_back(
        (spatial_input[i] - 1) * geometry.stride[i] - 2 * geometry.padding[i] + reach(geometry, i) +
        geometry.output_padding[i] + 1);
  }
  return sizes;
}

std::vector<ConvPhase> conv_phases(at::IntArrayRef spatial_input, const ConvTransposeGeometry& geometry) {
  const auto output_size = transposed_output_size(spatial_input, geometry);
  ConvPhase start;
  start.convolution.out_channels = geometry.out_channels;
  start.convolution.groups = geometry.groups;
  std::vector<ConvPhase> phases{std::move(start)};
  for (size_t i = 0; i < output_size.size(); ++i) {
    std::vector<ConvPhase> products;
    const auto axes = axis_phases(spatial_input[i], output_size[i], geometry, i);
    for (const auto& phase : phases) {
      for (const auto& axis : axes) {
        auto product = phase;
        product.taps.push_back(axis.taps);
        product.outputs.push_back(axis.outputs);
        product.convolution.kernel_size.push_back(axis.taps.count);
        product.convolution.stride.push_back(1);
        product.convolution.padding.push_back(axis.padding);
        product.convolution.dilation.push_back(axis.dilation);
        product.margin.insert(product.margin.begin(), {axis.before, axis.after});  // last dimension first
        products.push_back(std::move(product));
      }
    }
    phases = std::move(products);
  }
  return phases;
}

at::Tensor at_progressions(at::Tensor tensor, int64_t first, const std::vector<Progression>& progressions) {
  for (const auto& p : progressions) {
    tensor = tensor.slice(first++, p.first, p.first + (p.count - 1) * p.step + 1, p.step);
  }
  return tensor;
}

}  // namespace proxprop
