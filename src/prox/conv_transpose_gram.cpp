// The sample matrix of a transposed convolution and its products, put together from those of its phases: blocks that
// share neither taps nor outputs, so that all else is zero, but for the bias.

#include <proxprop/prox/transfers.h>

#include "prox/conv_geometry.h"
#include "prox/conv_transpose_phases.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/TensorIndexing.h>

#include <algorithm>
#include <numeric>

namespace proxprop {

namespace {

// Passes over the images of a phase before they are correlated: cut out, given margins, brought into the kernels'
// order.
constexpr double passes_over_images = 6;

// In reverse order along `count` dimensions from `first` on: the taps of a phase's convolution.
at::Tensor reversed(const at::Tensor& tensor, int64_t first, int64_t count) {
  std::vector<int64_t> dims(count);
  std::iota(dims.begin(), dims.end(), first);
  return tensor.flip(dims);
}

at::Tensor float64_zeros(at::IntArrayRef sizes, const at::Tensor& like) {
  return like.is_cpu() ? zero_scratch(sizes) : at::zeros(sizes, like.options().dtype(at::kDouble));
}

// Where the columns of a phase's convolution stand among the d columns of one group, the bias not counted.
at::Tensor columns_of_phase(const ConvPhase& phase, int64_t channels, const std::vector<int64_t>& kernel) {
  const auto all = at::arange(channels * c10::multiply_integers(kernel)).view(joined({channels, kernel}));
  return reversed(at_progressions(all, 1, phase.taps), 1, int64_t(kernel.size())).flatten();
}

}  // namespace

std::vector<GramBlock> ConvTransposeTransfer::feature_gram_blocks() const {
  std::vector<GramBlock> blocks;
  if (trained_.weight) {
    const auto channels = input_.size(1) / geometry_.groups;
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      blocks.push_back(
          {phase.transfer(input_, trained_).feature_gram(),
           columns_of_phase(phase, channels, geometry_.kernel_size).to(input_.device())});
    }
  }
  return blocks;
}

std::vector<int64_t> ConvTransposeTransfer::feature_block_sizes() const {
  std::vector<int64_t> sizes;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      sizes.push_back(input_.size(1) / geometry_.groups * c10::multiply_integers(phase.convolution.kernel_size));
    }
  }
  return sizes;
}

at::Tensor ConvTransposeTransfer::feature_gram() const {
  const auto sizes = *dimensions();
  const auto d = sizes.columns - (trained_.bias ? 1 : 0);
  auto gram = float64_zeros({sizes.groups, sizes.columns, sizes.columns}, input_);
  using at::indexing::Slice;
  for (const auto& [block, columns] : feature_gram_blocks()) {
    const auto n = columns.numel();
    gram.index_put_({Slice(), columns.unsqueeze(1), columns}, block.narrow(1, 0, n).narrow(2, 0, n));
    if (trained_.bias) {
      const auto sums = block.narrow(1, 0, n).select(2, n);
      gram.select(1, d).index_put_({Slice(), columns}, sums);
      gram.select(2, d).index_put_({Slice(), columns}, sums);
    }
  }
  if (trained_.bias) {
    gram.select(1, d).select(1, d).fill_(double(sizes.rows));
  }
  return gram;
}

Work ConvTransposeTransfer::feature_gram_work() const {
  Work total;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      total += phase.sized_transfer(input_).feature_gram_work();
      total[Kernel::memory] += passes_over_images * phase.input_bytes(input_);
    }
  }
  return total;
}

// The images of one phase with its margins, and what its Gram takes.
double ConvTransposeTransfer::feature_gram_bytes() const {
  double largest = 0;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      const auto part = phase.sized_transfer(input_);
      largest = std::max(largest, part.feature_gram_bytes() + phase.input_bytes(input_));
    }
  }
  return largest;
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

Work ConvTransposeTransfer::sample_gram_work() const {
  Work total;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      total += phase.sized_transfer(input_).sample_gram_work();
    }
  }
  return total;
}

// The images of one phase with its margins, its Gram, and what that takes.
double ConvTransposeTransfer::sample_gram_bytes() const {
  double largest = 0;
  if (trained_.weight) {
    for (const auto& phase : conv_phases(input_.sizes().slice(2), geometry_)) {
      const auto part = phase.sized_transfer(input_);
      const auto sizes = *part.dimensions();
      const auto gram = 8 * double(sizes.rows) * double(sizes.rows) * double(sizes.groups);
      largest = std::max(largest, part.sample_gram_bytes() + gram + phase.input_bytes(input_));
    }
  }
  return largest;
}

}  // namespace proxprop
