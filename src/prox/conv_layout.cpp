#include "prox/conv_layout.h"

#include "prox/correlation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

namespace proxprop {

namespace {

// Terms that one call of the kernel sums in the signals' own type, over all lanes.
constexpr int64_t segment_length = 1024;

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Flat storage of one thread for a block of images, [channels][stride]. What lies outside the images stays zero.
template <typename T>
class FlatBlock {
 public:
  FlatBlock(const ConvLayout& layout, const FlatImages& source, int64_t images_per_block, int64_t slack)
      : layout_(layout),
        source_(source),
        images_per_block_(images_per_block),
        channels_(source.images.size(1)),
        stride_(round_up(images_per_block * layout.image_length, correlation_granularity) + source.origin + slack),
        storage_(size_t(channels_ * stride_), T(0)) {}

  const T* data() const { return storage_.data(); }
  int64_t stride() const { return stride_; }

  // Copies images [first, first + count); the places of missing ones are cleared.
  void fill(int64_t first, int64_t count) {
    const auto pixels = source_.size[0] * source_.size[1] * source_.size[2];
    const T* images = source_.images.const_data_ptr<T>() + first * channels_ * pixels;
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t n = 0; n < images_per_block_; ++n) {
        T* target = storage_.data() + c * stride_ + n * layout_.image_length + source_.origin;
        const T* image = n < count ? images + (n * channels_ + c) * pixels : nullptr;
        copy_rows(image, target);
      }
    }
  }

 private:
  void copy_rows(const T* image, T* target) const {
    const auto width = source_.size[2];
    for (int64_t z = 0; z < source_.size[0]; ++z) {
      for (int64_t y = 0; y < source_.size[1]; ++y) {
        T* row = target + z * layout_.step[0] + y * layout_.step[1];
        if (image != nullptr) {
          std::memcpy(row, image + (z * source_.size[1] + y) * width, size_t(width) * sizeof(T));
        } else {
          std::memset(row, 0, size_t(width) * sizeof(T));
        }
      }
    }
  }

  const ConvLayout& layout_;
  const FlatImages& source_;
  int64_t images_per_block_;
  int64_t channels_;
  int64_t stride_;
  std::vector<T> storage_;
};

template <typename T>
void correlate_block(
    const FlatBlock<T>& a,
    int64_t a_channels,
    const FlatBlock<T>& b,
    int64_t b_channels,
    const std::vector<int64_t>& offsets,
    int64_t groups,
    int64_t length,
    double* sums) {
  const auto a_count = a_channels / groups;
  const auto b_count = b_channels / groups;
  const auto group_size = int64_t(offsets.size()) * a_count * b_count;
  for (int64_t first = 0; first < length; first += segment_length) {
    for (int64_t group = 0; group < groups; ++group) {
      correlate(CorrelationTask<T>{
          a.data() + group * a_count * a.stride() + first, a.stride(), a_count,
          b.data() + group * b_count * b.stride() + first, b.stride(), b_count,
          offsets.data(), int64_t(offsets.size()), std::min(segment_length, length - first),
          sums + group * group_size});
    }
  }
}

template <typename T>
at::Tensor correlate_typed(
    const ConvLayout& layout,
    const FlatImages& a,
    const FlatImages& b,
    const std::vector<int64_t>& offsets,
    int64_t groups) {
  const auto images = a.images.size(0);
  const auto a_channels = a.images.size(1);
  const auto b_channels = b.images.size(1);
  const bool same = a.images.is_same(b.images) && a.origin == b.origin;
  const auto images_per_block =
      std::clamp<int64_t>(segment_length / layout.image_length, 1, std::max<int64_t>(1, images));
  const auto blocks = (images + images_per_block - 1) / images_per_block;
  const auto length = round_up(images_per_block * layout.image_length, correlation_granularity);
  const auto slack = *std::max_element(offsets.begin(), offsets.end()) + correlation_granularity;
  const auto sizes =
      std::vector<int64_t>{groups, int64_t(offsets.size()), a_channels / groups, b_channels / groups};
  const auto threads = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), blocks));

  auto partial = at::zeros({threads, groups, sizes[1], sizes[2], sizes[3]}, at::dtype(at::kDouble));
  const auto partial_size = partial[0].numel();
  double* partial_data = partial.mutable_data_ptr<double>();
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      FlatBlock<T> a_block(layout, a, images_per_block, slack);
      std::optional<FlatBlock<T>> b_block;
      if (!same) {
        b_block.emplace(layout, b, images_per_block, slack);
      }
      for (int64_t block = blocks * thread / threads; block < blocks * (thread + 1) / threads; ++block) {
        const auto first = block * images_per_block;
        const auto count = std::min(images_per_block, images - first);
        a_block.fill(first, count);
        if (b_block) {
          b_block->fill(first, count);
        }
        correlate_block(
            a_block, a_channels, b_block ? *b_block : a_block, b_channels, offsets, groups, length,
            partial_data + thread * partial_size);
      }
    }
  });
  // [groups, offsets, p, q] -> [offsets, groups, p, q]
  return partial.sum(0).transpose(0, 1).contiguous();
}

}  // namespace

ConvLayout conv_layout(at::IntArrayRef size, const ConvGeometry& geometry) {
  ConvLayout layout;
  const auto dims = size.size();
  const auto shift = 3 - dims;
  for (size_t i = 0; i < dims; ++i) {
    layout.size[shift + i] = size[i];
    layout.kernel[shift + i] = geometry.kernel_size[i];
    layout.dilation[shift + i] = geometry.dilation[i];
    layout.padding[shift + i] = geometry.padding[i];
  }
  Extent pitch{};
  for (size_t i = 0; i < 3; ++i) {
    layout.reach[i] = (layout.kernel[i] - 1) * layout.dilation[i];
    layout.output[i] = layout.size[i] + 2 * layout.padding[i] - layout.reach[i];
    pitch[i] = layout.size[i] + std::max(2 * layout.padding[i], layout.reach[i]);
  }
  layout.step = {pitch[1] * pitch[2], pitch[2], 1};
  layout.image_length = pitch[0] * pitch[1] * pitch[2];
  return layout;
}

at::Tensor correlate_images(
    const ConvLayout& layout,
    const FlatImages& a,
    const FlatImages& b,
    const std::vector<int64_t>& offsets,
    int64_t groups) {
  TORCH_INTERNAL_ASSERT(a.images.is_cpu() && a.images.is_contiguous() && b.images.is_contiguous());
  if (a.images.scalar_type() == at::kDouble) {
    return correlate_typed<double>(layout, a, b, offsets, groups);
  }
  return correlate_typed<float>(layout, a, b, offsets, groups);
}

}  // namespace proxprop
