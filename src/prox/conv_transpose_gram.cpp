// The sample matrix of a transposed convolution and its products, put together from those of its phases: blocks that
// share neither taps nor outputs, so that all else is zero, but for the bias.

#include <proxprop/prox/transfers.h>

#include "prox/conv_geometry.h"
#include "prox/conv_transpose_phases.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <numeric>

namespace proxprop {

namespace {

// In reverse order along `count` dimensions from `first` on: the taps of a phase's convolution.
at::Tensor reversed(const at::Tensor& tensor, int64_t first, int64_t count) {
  std::vector<int64_t> dims(count);
  std::iota(dims.begin(), dims.end(), first);
  return tensor.flip(dims);
}

at::Tensor float64_zeros(at::IntArrayRef sizes, const at::Tensor& like) {
  return like.is_cpu() ? zero_scratch(sizes) : at::zeros(sizes, like.options().dtype(at::kDouble));
}

}  // namespace

at::Tensor ConvTransposeTransfer::feature_gram() const {
  const auto sizes = *dimensions();
  const auto channels = input_.size(1) / geometry_.groups;
  const auto dims = int64_t(output_size_.size());
  const auto d = sizes.columns - (trained_.bias ? 1 : 0);
  auto gram = float64_zeros({sizes.groups, sizes.columns, sizes.columns}, input_);
  if (trained_.weight) {
    const auto& kernel = geometry_.kernel_size;
    const auto weights =
        gram.narrow(1, 0, d).narrow(2, 0, d).view(joined({sizes.groups, channels, kernel, channels, kernel}));
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      const auto& taps = phase.convolution.kernel_size;
      const auto part = phase.transfer(input_, trained_).feature_gram();
      const auto part_d = channels * c10::multiply_integers(taps);
      const auto rows = part.narrow(1, 0, part_d);
      const auto block = rows.narrow(2, 0, part_d).view(joined({sizes.groups, channels, taps, channels, taps}));
      at_progressions(at_progressions(weights, 2, phase.taps), 3 + dims, phase.taps)
          .copy_(reversed(reversed(block, 2, dims), 3 + dims, dims));
      if (trained_.bias) {
        const auto sums = gram.narrow(1, 0, d).select(2, d).view(joined({sizes.groups, channels, kernel}));
        const auto part_sums = rows.select(2, part_d).view(joined({sizes.groups, channels, taps}));
        at_progressions(sums, 2, phase.taps).copy_(reversed(part_sums, 2, dims));
      }
    }
  }
  if (trained_.bias) {
    gram.select(1, d).narrow(1, 0, d).copy_(gram.narrow(1, 0, d).select(2, d));
    gram.select(1, d).select(1, d).fill_(double(sizes.rows));
  }
  return gram;
}

double ConvTransposeTransfer::feature_gram_flops() const {
  double total = 0;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      total += phase.sized_transfer(input_).feature_gram_flops();
    }
  }
  return total;
}

SampleMatrix ConvTransposeTransfer::sample_matrix() const {
  const auto sizes = *dimensions();
  if (!trained_.weight) {
    return {at::empty({sizes.groups, sizes.rows, 0}, input_.options()), trained_.bias};
  }
  const auto channels = input_.size(1) / geometry_.groups;
  const auto dims = int64_t(output_size_.size());
  const auto images = input_.size(0);
  const auto samples =
      at::zeros(joined({sizes.groups, images, output_size_, channels, geometry_.kernel_size}), input_.options());
  for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
    const auto part =
        phase.transfer(input_, {true, false})
            .sample_matrix()
            .matrix.view(joined({sizes.groups, images, phase.output_size(), channels, phase.convolution.kernel_size}));
    at_progressions(at_progressions(samples, 2, phase.outputs), 3 + dims, phase.taps)
        .copy_(reversed(part, 3 + dims, dims));
  }
  return {
      samples.view({sizes.groups, sizes.rows, channels * c10::multiply_integers(geometry_.kernel_size)}),
      trained_.bias};
}

double ConvTransposeTransfer::sample_matrix_bytes() const {
  const auto sizes = *dimensions();
  return double(sizes.rows) * double(sizes.columns) * double(sizes.groups) * double(input_.element_size());
}

// Outputs of different phases have no tap in common: their entries of K are zero but for the bias.
at::Tensor ConvTransposeTransfer::sample_gram() const {
  const auto sizes = *dimensions();
  const auto images = input_.size(0);
  auto gram = float64_zeros({sizes.groups, sizes.rows, sizes.rows}, input_);
  if (trained_.weight) {
    const auto dims = int64_t(output_size_.size());
    const auto pairs = gram.view(joined({sizes.groups, images, output_size_, images, output_size_}));
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      const auto positions = phase.output_size();
      at_progressions(at_progressions(pairs, 2, phase.outputs), 3 + dims, phase.outputs)
          .copy_(phase.transfer(input_, {true, false})
                     .sample_gram()
                     .view(joined({sizes.groups, images, positions, images, positions})));
    }
  }
  return trained_.bias ? gram.add_(1.0) : gram;
}

double ConvTransposeTransfer::sample_gram_flops() const {
  double total = 0;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      total += phase.sized_transfer(input_).sample_gram_flops();
    }
  }
  return total;
}

}  // namespace proxprop
