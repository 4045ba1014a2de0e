#include <proxprop/prox/transfers.h>

#include "prox/conv_geometry.h"
#include "prox/conv_gradient.h"
#include "prox/conv_map.h"
#include "prox/conv_output.h"
#include "prox/conv_transpose_phases.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// `images` [N, C, *] with zeros behind them up to a spatial size.
at::Tensor with_size(const at::Tensor& images, const std::vector<int64_t>& size) {
  if (images.sizes().slice(2) == at::IntArrayRef(size)) {
    return images;
  }
  std::vector<int64_t> zeros;  // last dimension first
  for (size_t i = size.size(); i-- > 0;) {
    zeros.insert(zeros.end(), {0, size[i] - images.size(int64_t(2 + i))});
  }
  return at::constant_pad_nd(images, zeros);
}

// Every pixel meets every tap, where padding does not cut its output off.
double convolution_flops(const at::Tensor& input, const Dimensions& sizes) {
  const auto pixels = double(input.numel()) / double(std::max<int64_t>(1, input.size(1)));
  return 2 * pixels * double(sizes.columns) * double(sizes.outputs);
}

}  // namespace

ConvTransposeTransfer::ConvTransposeTransfer(const at::Tensor& input, ConvTransposeGeometry geometry, Trained trained)
    : input_(input), geometry_(std::move(geometry)), trained_(trained) {
  check_convolution(input_, geometry_, trained_);
  const auto& outside = geometry_.output_padding;
  TORCH_CHECK(
      outside.size() == geometry_.stride.size(), "proxprop: output padding needs ", geometry_.stride.size(),
      " values, got ", at::IntArrayRef(outside));
  for (size_t i = 0; i < outside.size(); ++i) {
    TORCH_CHECK(
        outside[i] >= 0 && outside[i] < std::max(geometry_.stride[i], geometry_.dilation[i]),
        "proxprop: output padding must be smaller than stride or dilation, got output padding ",
        at::IntArrayRef(outside), ", stride ", at::IntArrayRef(geometry_.stride), ", dilation ",
        at::IntArrayRef(geometry_.dilation));
  }
  output_size_ = transposed_output_size(input.sizes().slice(2), geometry_);
  TORCH_CHECK(
      std::all_of(output_size_.begin(), output_size_.end(), [](int64_t size) { return size > 0; }),
      "proxprop: padding ", at::IntArrayRef(geometry_.padding), " leaves nothing of the output of an input of shape ",
      input.sizes());
}

std::vector<std::vector<int64_t>> ConvTransposeTransfer::parameter_shapes() const {
  std::vector<std::vector<int64_t>> shapes;
  if (trained_.weight) {
    shapes.push_back(joined({input_.size(1), geometry_.out_channels / geometry_.groups, geometry_.kernel_size}));
  }
  if (trained_.bias) {
    shapes.push_back({geometry_.out_channels});
  }
  return shapes;
}

at::Tensor ConvTransposeTransfer::apply(at::TensorList theta) const {
  return apply_conv(input_, theta, trained_, geometry_, {true, geometry_.output_padding}, *output_shape());
}

std::vector<at::Tensor> ConvTransposeTransfer::adjoint(const at::Tensor& z) const {
  return adjoint_conv(input_, z, trained_, geometry_, {true, geometry_.output_padding}, parameter_shapes().front());
}

// w[c, o, u] = sum over n, p of a[n, c, p] z~[n, o, s p + u dil - pad]: the weight gradient of an ordinary convolution
// whose input is z and whose output's gradient is a. Where the output padding reaches the stride that convolution has
// more outputs than a has pixels.
std::vector<at::Tensor> ConvTransposeTransfer::accurate_adjoint(const at::Tensor& z) const {
  std::vector<at::Tensor> theta;
  if (trained_.weight) {
    ConvGeometry adjoint = geometry_;
    adjoint.out_channels = input_.size(1);
    theta.push_back(
        conv_gradient(z, with_size(input_, spatial_output_size(z.sizes().slice(2), adjoint)), adjoint).weight);
  }
  if (trained_.bias) {
    theta.push_back(conv_bias_gradient(z));
  }
  return theta;
}

std::vector<at::Tensor> ConvTransposeTransfer::parameter_rows(at::TensorList theta) const {
  const auto groups = geometry_.groups;
  std::vector<at::Tensor> rows;
  if (trained_.weight) {
    // [groups * C / groups, O / groups, *kernel] -> [groups, O / groups, C / groups * kernel]
    rows.push_back(theta.front()
                       .reshape({groups, input_.size(1) / groups, geometry_.out_channels / groups, -1})
                       .transpose(1, 2)
                       .flatten(2));
  }
  if (trained_.bias) {
    rows.push_back(theta.back().reshape({groups, geometry_.out_channels / groups, 1}));
  }
  return rows;
}

std::vector<at::Tensor> ConvTransposeTransfer::parameters_from_rows(at::TensorList rows) const {
  const auto shapes = parameter_shapes();
  std::vector<at::Tensor> theta;
  if (trained_.weight) {
    const auto groups = geometry_.groups;
    const auto weight =
        rows.front().reshape({groups, geometry_.out_channels / groups, input_.size(1) / groups, -1}).transpose(1, 2);
    theta.push_back(weight.contiguous().view(shapes.front()));
  }
  if (trained_.bias) {
    theta.push_back(rows.back().reshape(shapes.back()));
  }
  return theta;
}

std::optional<std::vector<int64_t>> ConvTransposeTransfer::output_shape() const {
  return joined({input_.size(0), geometry_.out_channels, output_size_});
}

std::optional<Dimensions> ConvTransposeTransfer::dimensions() const {
  const auto inputs =
      trained_.weight ? input_.size(1) / geometry_.groups * c10::multiply_integers(geometry_.kernel_size) : 0;
  return Dimensions{
      input_.size(0) * c10::multiply_integers(output_size_), inputs + (trained_.bias ? 1 : 0), geometry_.out_channels,
      geometry_.groups};
}

Work ConvTransposeTransfer::apply_work() const {
  // The library's vectors are filled with output channels.
  constexpr int64_t lanes = 16;
  const auto channels = geometry_.out_channels, filled = (channels + lanes - 1) / lanes * lanes;
  Work work;
  work[Kernel::library_convolution] =
      convolution_flops(input_, *dimensions()) * (geometry_.groups == 1 ? double(filled) / double(channels) : 1.0);
  return work;
}

Work ConvTransposeTransfer::accurate_adjoint_work() const {
  Work work;
  work[Kernel::correlation] = convolution_flops(input_, *dimensions());
  return work;
}

at::Tensor ConvTransposeTransfer::output_rows(const at::Tensor& z) const {
  return rows_of_output(z, geometry_.groups);
}

at::Tensor ConvTransposeTransfer::output_from_rows(const at::Tensor& rows) const {
  return output_of_rows(rows, *output_shape());
}

}  // namespace proxprop
