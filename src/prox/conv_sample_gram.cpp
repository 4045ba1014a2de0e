#include "prox/conv_sample_gram.h"

#include "prox/conv_geometry.h"
#include "prox/dense_product.h"
#include "prox/parallel_tasks.h"
#include "prox/symmetric_gram.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <map>

namespace proxprop {

namespace {

/// `length` output positions in a row, and the pixels of one phase that one tap reads for them.
struct Run {
  int64_t position, pixel, length;
};
using Runs = std::vector<Run>;

/// Images `first` .. `first + count`.
struct Block {
  int64_t first, count;
};

/// Where one tap reads along one dimension: output positions [first, last) and the phase's pixel of the first.
struct Reach {
  int64_t phase, first, last, pixel;
};

Reach reach_of_tap(const ConvGeometry& geometry, size_t dimension, int64_t tap, int64_t pixels, int64_t positions) {
  const auto stride = geometry.stride[dimension];
  const auto offset = tap * geometry.dilation[dimension] - geometry.padding[dimension];
  const auto phase = ((offset % stride) + stride) % stride;
  const auto shift = (offset - phase) / stride;  // position p reads pixel p + shift of the phase
  const auto pixels_of_phase = (pixels - phase + stride - 1) / stride;
  const auto first = std::max<int64_t>(0, -shift);
  const auto last = std::min(positions, pixels_of_phase - shift);
  return {phase, first, std::max(first, last), first + shift};
}

// Calls `visit` with every index below `sizes`, the last dimension running fastest.
template <typename Visit>
void for_each_index(const std::vector<int64_t>& sizes, const Visit& visit) {
  std::vector<int64_t> index(sizes.size(), 0);
  for (auto count = c10::multiply_integers(sizes); count > 0; --count) {
    visit(index);
    for (auto i = sizes.size(); i-- > 0 && ++index[i] == sizes[i];) {
      index[i] = 0;
    }
  }
}

// The runs of every tap, by phase.
std::map<std::vector<int64_t>, std::vector<Runs>> runs_by_phase(
    const ConvGeometry& geometry, at::IntArrayRef pixels, at::IntArrayRef positions) {
  const auto dims = geometry.kernel_size.size();
  std::map<std::vector<int64_t>, std::vector<Runs>> result;
  for_each_index(geometry.kernel_size, [&](const std::vector<int64_t>& tap) {
    std::vector<int64_t> phase, rows;
    std::vector<Reach> reach;
    for (size_t i = 0; i < dims; ++i) {
      reach.push_back(reach_of_tap(geometry, i, tap[i], pixels[i], positions[i]));
      phase.push_back(reach[i].phase);
      rows.push_back(i + 1 < dims ? reach[i].last - reach[i].first : 1);
    }
    const auto length = reach.back().last - reach.back().first;
    Runs runs;
    for_each_index(length > 0 ? rows : std::vector<int64_t>{0}, [&](const std::vector<int64_t>& row) {
      Run run{0, 0, length};
      for (size_t i = 0; i < dims; ++i) {
        const auto pixels_of_phase = (pixels[i] - phase[i] + geometry.stride[i] - 1) / geometry.stride[i];
        run.position = run.position * positions[i] + reach[i].first + row[i];
        run.pixel = run.pixel * pixels_of_phase + reach[i].pixel + row[i];
      }
      runs.push_back(run);
    });
    result[phase].push_back(std::move(runs));
  });
  return result;
}

// One image pair: to[p][q] += sum over taps of from[pixel of p][pixel of q].
void add_taps(const std::vector<Runs>& taps, const double* from, int64_t from_stride, double* to, int64_t to_stride) {
  for (const auto& runs : taps) {
    for (const auto& left : runs) {
      for (int64_t i = 0; i < left.length; ++i) {
        const double* row = from + (left.pixel + i) * from_stride;
        double* target = to + (left.position + i) * to_stride;
        for (const auto& right : runs) {
          for (int64_t j = 0; j < right.length; ++j) {
            target[right.position + j] += row[right.pixel + j];
          }
        }
      }
    }
  }
}

// The pixels of one phase, [groups, N * pixels, C / groups].
at::Tensor phase_pixels(const at::Tensor& input, const ConvGeometry& geometry, const std::vector<int64_t>& phase) {
  auto x = input;
  for (size_t i = 0; i < phase.size(); ++i) {
    x = x.slice(int64_t(2 + i), phase[i], std::nullopt, geometry.stride[i]);
  }
  return x.flatten(2)
      .unflatten(1, {geometry.groups, input.size(1) / geometry.groups})
      .permute({1, 0, 3, 2})
      .reshape({geometry.groups, -1, input.size(1) / geometry.groups})
      .contiguous();
}

// Pixels of a block of images: the product of two blocks, and what it is added to, stay in the second-level cache.
constexpr int64_t pixels_of_block = 256;

/// The pixels of one phase and the taps that read them.
struct Phase {
  at::Tensor pixels;  ///< [groups, N * pixels, C / groups]
  std::vector<Runs> taps;
};

// Adds to K of one group what a pair of image blocks contributes.
template <typename T>
void add_block_pair(
    const std::vector<Phase>& phases, int64_t group, Block left, Block right, int64_t images, const at::Tensor& gram) {
  static thread_local std::vector<double> product;
  const auto rows = gram.size(-1);
  const auto positions = rows / images;
  double* to = gram[group].mutable_data_ptr<double>();
  for (const auto& [pixels, taps] : phases) {
    const auto per_image = pixels.size(1) / images;
    const auto channels = pixels.size(2);
    const auto width = right.count * per_image;
    const auto operand = [&](const Block& block) {
      return Operand<T>{
          pixels[group].template const_data_ptr<T>() + block.first * per_image * channels, block.count * per_image,
          channels, channels, 1};
    };
    product.resize(size_t(left.count * per_image * width));
    dense_product(operand(left), operand(right), product.data(), width);
    for (int64_t n = 0; n < left.count; ++n) {
      for (int64_t m = 0; m < right.count; ++m) {
        add_taps(
            taps, product.data() + (n * width + m) * per_image, width,
            to + ((left.first + n) * rows + right.first + m) * positions, rows);
      }
    }
  }
}

}  // namespace

at::Tensor conv_sample_gram(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  const auto images = input.size(0);
  const auto rows = images * c10::multiply_integers(output_size);
  std::vector<Phase> phases;
  int64_t largest_phase = 1;
  for (auto& [phase, taps] : runs_by_phase(geometry, input.sizes().slice(2), output_size)) {
    auto pixels = phase_pixels(input, geometry, phase);
    if (pixels.numel() > 0) {
      largest_phase = std::max(largest_phase, pixels.size(1) / images);
      phases.push_back({std::move(pixels), std::move(taps)});
    }
  }
  auto gram = zero_scratch({geometry.groups, rows, rows});
  const auto images_of_block = std::max<int64_t>(1, pixels_of_block / largest_phase);
  const auto blocks = (images + images_of_block - 1) / images_of_block;
  for (int64_t group = 0; group < geometry.groups; ++group) {
    in_parallel(blocks * blocks, /*threaded=*/true, [&](int64_t task) {
      const auto block = [&](int64_t index) {
        return Block{index * images_of_block, std::min(images_of_block, images - index * images_of_block)};
      };
      const auto left = task / blocks, right = task % blocks;
      if (right > left) {
        return;
      }
      if (input.scalar_type() == at::kFloat) {
        add_block_pair<float>(phases, group, block(left), block(right), images, gram);
      } else {
        add_block_pair<double>(phases, group, block(left), block(right), images, gram);
      }
    });
    mirror_lower(gram[group]);
  }
  return gram;
}

Work conv_sample_gram_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size) {
  double gram = 0;  // one half
  for (const auto& [phase, taps] : runs_by_phase(geometry, input.sizes().slice(2), output_size)) {
    double side = double(input.size(0));
    for (size_t i = 0; i < phase.size(); ++i) {
      const auto pixels = input.size(int64_t(2 + i));
      side *= double((pixels - phase[i] + geometry.stride[i] - 1) / geometry.stride[i]);
    }
    gram += side * side * double(input.size(1));
  }
  const auto rows = double(input.size(0)) * double(c10::multiply_integers(output_size));
  // An addition moves two numbers through the first-level cache: it takes the time of about four float64 operations.
  constexpr double addition = 4;
  const auto additions = rows * rows / 2 * double(c10::multiply_integers(geometry.kernel_size) * geometry.groups);
  Work work;
  work[Kernel::product64] = gram + addition * additions;
  return work;
}

// The pixels of all phases, and one image block's pair of pixel Grams per thread.
double conv_sample_gram_bytes(const at::Tensor& input) {
  return 2 * double(input.numel() * input.element_size()) +
         8 * double(pixels_of_block * pixels_of_block * at::get_num_threads());
}

}  // namespace proxprop
