#include "prox/direct_convolution.h"

#include "prox/conv_geometry.h"
#include "prox/image_correlation.h"
#include "prox/kernels/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace proxprop {

namespace {

// Channels per group on both sides up to which the kernel was measured to be faster than oneDNN.
constexpr int64_t most_channels = 128;

// Padded images, flat: a spatial shift is one offset. Output positions come as vectors of consecutive elements: either
// along the rows of the output, or, where rows are no multiple of a vector, over the whole padded image (what lies
// between the rows is computed and dropped), whichever wastes less.
template <typename T>
class Convolver {
 public:
  Convolver(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry)
      : input_(input.contiguous()),
        size_(extent(input.sizes().slice(2), 1)),
        padding_(extent(geometry.padding, 0)),
        groups_(geometry.groups),
        channels_(input.size(1) / geometry.groups),
        outputs_(weight.size(0) / geometry.groups),
        output_shape_{input.size(0), weight.size(0)},
        shape_(kernels<T>().correlation_shape(outputs_)) {
    const auto kernel = extent(geometry.kernel_size, 1), dilation = extent(geometry.dilation, 1);
    const auto output = spatial_output_size(input.sizes().slice(2), geometry);
    output_ = extent(output, 1);
    output_shape_.insert(output_shape_.end(), output.begin(), output.end());
    for (size_t i = 0; i < 3; ++i) {
      padded_[i] = size_[i] + 2 * padding_[i];
    }
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t z = 0; z < kernel[0]; ++z) {
        for (int64_t y = 0; y < kernel[1]; ++y) {
          for (int64_t x = 0; x < kernel[2]; ++x) {
            offsets_.push_back(c * plane() + flat({z * dilation[0], y * dilation[1], x * dilation[2]}));
          }
        }
      }
    }
    choose_positions();
    pack_weights(weight.contiguous(), bias);
  }

  at::Tensor run() const {
    auto output = at::empty(output_shape_, input_.options());
    T* to = output.template mutable_data_ptr<T>();
    const auto images = input_.size(0);
    const auto out_plane = output_[0] * output_[1] * output_[2];
    at::parallel_for(0, images * groups_, 1, [&](int64_t begin, int64_t end) {
      std::vector<T> image(size_t(channels_ * plane() + furthest_ + kernels<T>().lanes), T(0));
      std::vector<T> rows(size_t(shape_.height * (row_length_ + shape_.width * kernels<T>().lanes)));
      for (auto unit = begin; unit < end; ++unit) {
        pad(unit, image.data());
        for (int64_t o = 0; o < outputs_; o += shape_.height) {
          const auto height = std::min<int64_t>(shape_.height, outputs_ - o);
          const auto group = unit % groups_;
          convolve(group, o, int(height), image.data(), rows.data());
          unpack(rows.data(), height, to + (unit * outputs_ + o) * out_plane);
        }
      }
    });
    return output;
  }

 private:
  int64_t plane() const { return padded_[0] * padded_[1] * padded_[2]; }
  int64_t flat(const Extent& place) const { return (place[0] * padded_[1] + place[1]) * padded_[2] + place[2]; }

  void choose_positions() {
    const auto lanes = kernels<T>().lanes;
    const auto rounded = round_up(output_[2], lanes);
    by_rows_ = rounded <= padded_[2];
    if (by_rows_) {
      for (int64_t z = 0; z < output_[0]; ++z) {
        for (int64_t y = 0; y < output_[1]; ++y) {
          for (int64_t x = 0; x < output_[2]; x += lanes) {
            positions_.push_back(flat({z, y, x}));
          }
        }
      }
    } else {
      const auto last = flat({output_[0] - 1, output_[1] - 1, output_[2] - 1});
      for (int64_t t = 0; t <= last; t += lanes) {
        positions_.push_back(t);
      }
    }
    row_length_ = int64_t(positions_.size()) * lanes;
    furthest_ = positions_.back() + lanes;
  }

  // [group][block of outputs][tap][output of the block], and the bias likewise.
  void pack_weights(const at::Tensor& weight, const at::Tensor& bias) {
    const auto taps = int64_t(offsets_.size());
    const T* from = weight.template const_data_ptr<T>();
    weights_.resize(size_t(groups_ * outputs_ * taps));
    for (int64_t g = 0; g < groups_; ++g) {
      for (int64_t o = 0; o < outputs_; o += shape_.height) {
        const auto height = std::min<int64_t>(shape_.height, outputs_ - o);
        T* block = weights_.data() + (g * outputs_ + o) * taps;
        for (int64_t t = 0; t < taps; ++t) {
          for (int64_t i = 0; i < height; ++i) {
            block[t * height + i] = from[(g * outputs_ + o + i) * taps + t];
          }
        }
      }
    }
    start_.assign(size_t(groups_ * outputs_), T(0));
    if (bias.defined()) {
      const auto values = bias.contiguous();
      std::copy_n(values.template const_data_ptr<T>(), start_.size(), start_.begin());
    }
  }

  // What lies outside the image stays zero.
  void pad(int64_t unit, T* image) const {
    const T* from = input_.template const_data_ptr<T>() + unit * channels_ * size_[0] * size_[1] * size_[2];
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t z = 0; z < size_[0]; ++z) {
        for (int64_t y = 0; y < size_[1]; ++y, from += size_[2]) {
          T* row = image + c * plane() + flat({z + padding_[0], y + padding_[1], padding_[2]});
          std::memcpy(row, from, size_t(size_[2]) * sizeof(T));
        }
      }
    }
  }

  void convolve(int64_t group, int64_t first_output, int height, const T* image, T* rows) const {
    const auto lanes = kernels<T>().lanes;
    const auto taps = int64_t(offsets_.size());
    ConvolutionTile<T> tile{};
    tile.weights = weights_.data() + (group * outputs_ + first_output) * taps;
    tile.start = start_.data() + group * outputs_ + first_output;
    tile.taps = taps;
    tile.offsets = offsets_.data();
    tile.input = image;
    tile.out_stride = row_length_;
    tile.height = height;
    for (int64_t v = 0; v < int64_t(positions_.size()); v += shape_.width) {
      tile.positions = &positions_[size_t(v)];
      tile.width = int(std::min<int64_t>(shape_.width, int64_t(positions_.size()) - v));
      tile.out = rows + v * lanes;
      kernels<T>().convolution(tile);
    }
  }

  // Drops what lies between the rows of the output.
  void unpack(const T* rows, int64_t height, T* to) const {
    const auto lanes = kernels<T>().lanes;
    const auto rounded = round_up(output_[2], lanes);
    for (int64_t i = 0; i < height; ++i) {
      const T* from = rows + i * row_length_;
      for (int64_t z = 0; z < output_[0]; ++z) {
        for (int64_t y = 0; y < output_[1]; ++y, to += output_[2]) {
          const auto place = by_rows_ ? (z * output_[1] + y) * rounded : flat({z, y, 0});
          std::memcpy(to, from + place, size_t(output_[2]) * sizeof(T));
        }
      }
    }
  }

  at::Tensor input_;
  Extent size_, padding_, padded_{1, 1, 1}, output_{1, 1, 1};
  int64_t groups_, channels_, outputs_;  // channels and outputs per group
  std::vector<int64_t> output_shape_;
  TileShape shape_;
  std::vector<int64_t> offsets_;    // of the taps, channel by channel
  std::vector<int64_t> positions_;  // of the vectors of output
  bool by_rows_ = true;
  int64_t row_length_ = 0;  // elements of all vectors
  int64_t furthest_ = 0;
  std::vector<T> weights_, start_;
};

// The convolution that carries g back: channels and outputs change places, the kernel is mirrored.
ConvGeometry mirrored(const ConvGeometry& geometry, int64_t input_channels) {
  auto result = geometry;
  result.out_channels = input_channels;
  for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
    result.padding[i] = reach(geometry, i) - geometry.padding[i];
  }
  return result;
}

}  // namespace

bool direct_convolution_pays(const at::Tensor& input, const ConvGeometry& geometry) {
  const auto size = spatial_output_size(input.sizes().slice(2), geometry);
  return input.is_cpu() && has_unit_stride(geometry) && instruction_set() != InstructionSet::baseline &&
         (input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble) &&
         input.size(0) >= at::get_num_threads() && input.size(1) / geometry.groups <= most_channels &&
         geometry.out_channels / geometry.groups <= most_channels &&
         std::all_of(size.begin(), size.end(), [](int64_t n) { return n > 0; });
}

at::Tensor direct_convolution(
    const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const ConvGeometry& geometry) {
  return input.scalar_type() == at::kDouble ? Convolver<double>(input, weight, bias, geometry).run()
                                            : Convolver<float>(input, weight, bias, geometry).run();
}

bool direct_input_gradient_pays(const at::Tensor& grad_output, const at::Tensor& weight, const ConvGeometry& geometry) {
  for (size_t i = 0; i < geometry.kernel_size.size(); ++i) {
    if (geometry.padding[i] > reach(geometry, i)) {
      return false;
    }
  }
  return direct_convolution_pays(grad_output, mirrored(geometry, weight.size(1) * geometry.groups));
}

at::Tensor direct_input_gradient(
    const at::Tensor& grad_output, const at::Tensor& weight, const ConvGeometry& geometry) {
  const auto back = mirrored(geometry, weight.size(1) * geometry.groups);
  std::vector<int64_t> spatial(geometry.kernel_size.size());
  std::iota(spatial.begin(), spatial.end(), 2);
  // [groups, O / groups, C / groups, *kernel] -> [groups * C / groups, O / groups, *kernel]
  const auto grouped = weight.flip(spatial).unflatten(0, {geometry.groups, -1}).transpose(1, 2);
  return direct_convolution(grad_output, grouped.reshape(weight_shape(back, grouped.size(2))), at::Tensor(), back);
}

}  // namespace proxprop
