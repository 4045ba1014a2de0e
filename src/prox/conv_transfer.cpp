#include <proxprop/prox/transfers.h>

#include "prox/conv_geometry.h"
#include "prox/conv_gradient.h"
#include "prox/conv_gram.h"
#include "prox/conv_map.h"
#include "prox/conv_output.h"
#include "prox/conv_sample_gram.h"
#include "prox/conv_unfold.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace proxprop {

namespace {

std::vector<int64_t> dims_from(int64_t first, int64_t count) {
  std::vector<int64_t> dims(count);
  std::iota(dims.begin(), dims.end(), first);
  return dims;
}

}  // namespace

at::Tensor patches(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto dims = int64_t(output_size.size());
  std::vector<int64_t> pad;
  for (int64_t i = dims - 1; i >= 0; --i) {
    pad.insert(pad.end(), {geometry.padding[i], geometry.padding[i]});
  }
  const bool padded = std::any_of(pad.begin(), pad.end(), [](int64_t p) { return p != 0; });
  const auto x = (padded ? at::constant_pad_nd(input, pad) : input).contiguous();
  const auto channels = x.size(1) / geometry.groups;

  std::vector<int64_t> sizes{x.size(0), geometry.groups, channels};
  std::vector<int64_t> strides{x.stride(0), channels * x.stride(1), x.stride(1)};
  for (int64_t i = 0; i < dims; ++i) {
    sizes.push_back(geometry.kernel_size[i]);
    strides.push_back(geometry.dilation[i] * x.stride(2 + i));
  }
  for (int64_t i = 0; i < dims; ++i) {
    sizes.push_back(output_size[i]);
    strides.push_back(geometry.stride[i] * x.stride(2 + i));
  }
  return x.as_strided(sizes, strides);
}

ConvTransfer::ConvTransfer(const at::Tensor& input, ConvGeometry geometry, Trained trained)
    : input_(input), geometry_(std::move(geometry)), trained_(trained) {
  check_convolution(input_, geometry_, trained_);
  const auto dims = int64_t(geometry_.kernel_size.size());
  for (int64_t i = 0; i < dims; ++i) {
    const auto padded = input.size(2 + i) + 2 * geometry_.padding[i];
    TORCH_CHECK(
        padded > reach(geometry_, size_t(i)), "proxprop: the kernel (reach ", reach(geometry_, size_t(i)) + 1,
        ") is larger than the padded input (", padded, ") in spatial dimension ", i);
  }
  output_size_ = spatial_output_size(input.sizes().slice(2), geometry_);
}

std::vector<std::vector<int64_t>> ConvTransfer::parameter_shapes() const {
  std::vector<std::vector<int64_t>> shapes;
  if (trained_.weight) {
    shapes.push_back(weight_shape(geometry_, input_.size(1) / geometry_.groups));
  }
  if (trained_.bias) {
    shapes.push_back({geometry_.out_channels});
  }
  return shapes;
}

at::Tensor ConvTransfer::apply(at::TensorList theta) const {
  return apply_conv(
      input_, theta, trained_, geometry_, {false, std::vector<int64_t>(geometry_.padding.size(), 0)}, *output_shape());
}

std::vector<at::Tensor> ConvTransfer::adjoint(const at::Tensor& z) const {
  return adjoint_conv(
      input_, z, trained_, geometry_, {false, std::vector<int64_t>(geometry_.padding.size(), 0)},
      parameter_shapes().front());
}

std::vector<at::Tensor> ConvTransfer::accurate_adjoint(const at::Tensor& z) const {
  if (!trained_.weight) {
    return {conv_bias_gradient(z)};
  }
  auto gradient = conv_gradient(input_, z, geometry_);
  std::vector<at::Tensor> theta{std::move(gradient.weight)};
  if (trained_.bias) {
    theta.push_back(std::move(gradient.bias));
  }
  return theta;
}

std::optional<std::vector<int64_t>> ConvTransfer::output_shape() const {
  std::vector<int64_t> shape{input_.size(0), geometry_.out_channels};
  shape.insert(shape.end(), output_size_.begin(), output_size_.end());
  return shape;
}

std::optional<Dimensions> ConvTransfer::dimensions() const {
  const auto taps = c10::multiply_integers(geometry_.kernel_size);
  const auto inputs = trained_.weight ? input_.size(1) / geometry_.groups * taps : 0;
  return Dimensions{
      input_.size(0) * c10::multiply_integers(output_size_), inputs + (trained_.bias ? 1 : 0), geometry_.out_channels,
      geometry_.groups};
}

Work ConvTransfer::apply_work() const {
  Work work;
  work[Kernel::library_convolution] = product_flops();
  return work;
}

Work ConvTransfer::accurate_adjoint_work() const {
  Work work;
  work[Kernel::correlation] = product_flops();
  return work;
}

std::vector<int64_t> ConvTransfer::feature_gram_repeats() const {
  return trained_.weight ? gram_repeats(geometry_, input_.sizes().slice(2), output_size_) : std::vector<int64_t>{};
}

at::Tensor ConvTransfer::feature_gram() const {
  const auto sizes = *dimensions();
  const auto d = sizes.columns - (trained_.bias ? 1 : 0);
  const std::vector<int64_t> shape{sizes.groups, sizes.columns, sizes.columns};
  const auto gram = input_.is_cpu() ? scratch(shape) : at::empty(shape, input_.options().dtype(at::kDouble));
  if (trained_.weight) {
    conv_gram(input_, geometry_, output_size_, gram.narrow(1, 0, d).narrow(2, 0, d));
  }
  if (trained_.bias) {
    if (trained_.weight) {
      const auto sums = patch_sums(input_, geometry_, output_size_);  // [groups, d]
      gram.select(1, d).narrow(1, 0, d).copy_(sums);
      gram.select(2, d).narrow(1, 0, d).copy_(sums);
    }
    gram.select(1, d).select(1, d).fill_(double(sizes.rows));
  }
  return gram;
}

Work ConvTransfer::feature_gram_work() const {
  return trained_.weight ? conv_gram_work(input_, geometry_, output_size_) : Work{};
}

double ConvTransfer::feature_gram_bytes() const {
  return trained_.weight ? conv_gram_bytes(input_, geometry_, output_size_) : 0.0;
}

SampleMatrix ConvTransfer::sample_matrix() const {
  const auto rows = dimensions()->rows;
  if (!trained_.weight) {
    return {at::empty({geometry_.groups, rows, 0}, input_.options()), trained_.bias};
  }
  const auto dims = int64_t(output_size_.size());
  const auto view = patches(input_, geometry_, output_size_);
  // [N, groups, C / groups, *kernel, *output] -> [groups, N * output, C / groups * kernel]
  std::vector<int64_t> order{1, 0};
  for (const auto i : dims_from(3 + dims, dims)) {
    order.push_back(i);
  }
  for (const auto i : dims_from(2, 1 + dims)) {
    order.push_back(i);
  }
  const auto columns = dimensions()->columns - (trained_.bias ? 1 : 0);
  return {view.permute(order).reshape({geometry_.groups, rows, columns}), trained_.bias};
}

double ConvTransfer::sample_matrix_bytes() const {
  const auto sizes = *dimensions();
  return double(sizes.rows) * double(sizes.columns) * double(sizes.groups) * double(input_.element_size());
}

at::Tensor ConvTransfer::output_rows(const at::Tensor& z) const {
  return rows_of_output(z, geometry_.groups);
}

at::Tensor ConvTransfer::output_from_rows(const at::Tensor& rows) const {
  return output_of_rows(rows, *output_shape());
}

// By the default rates, whatever rates are in use: see `conv_gram`.
bool ConvTransfer::pixel_gram_pays() const {
  const Rates rates;
  return trained_.weight && input_.is_cpu() &&
         rates.of(conv_sample_gram_work(input_, geometry_, output_size_)) <
             rates.of(LinearTransfer::sample_gram_work());
}

at::Tensor ConvTransfer::sample_gram() const {
  if (!pixel_gram_pays()) {
    return LinearTransfer::sample_gram();
  }
  auto gram = conv_sample_gram(input_, geometry_, output_size_);
  return trained_.bias ? gram.add_(1.0) : gram;
}

Work ConvTransfer::sample_gram_work() const {
  return pixel_gram_pays() ? conv_sample_gram_work(input_, geometry_, output_size_)
                           : LinearTransfer::sample_gram_work();
}

double ConvTransfer::sample_gram_bytes() const {
  return pixel_gram_pays() ? conv_sample_gram_bytes(input_) : LinearTransfer::sample_gram_bytes();
}

}  // namespace proxprop
