#include "prox/image_correlation.h"

#include "prox/kernels/kernels.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace proxprop {

namespace {

// Bytes of packed images that a thread works on at a time: they stay in the second-level cache.
constexpr int64_t block_bytes = int64_t(256) << 10;
// Multiplications below which a second thread does not pay.
constexpr int64_t smallest_share = int64_t(1) << 17;

// Sums that leave the second-level cache are added to less often: four times the terms in the images' type, if need be
// of more images at a time.
constexpr int64_t large_sums = (int64_t(1) << 20) / int64_t(sizeof(double));
constexpr int64_t large_sums_terms = 4 * correlation_terms;
constexpr int64_t largest_block_bytes = int64_t(1) << 20;

int64_t numel(const Extent& e) {
  return e[0] * e[1] * e[2];
}

// Packed images of one group and one thread. What lies outside the images stays zero.
template <typename T>
class PackedImages {
 public:
  PackedImages(const Signal& signal, int64_t count, int64_t slack)
      : signal_(signal),
        strides_(extent(signal.images.strides().slice(2), 0)),
        channel_stride_(signal.images.stride(1)),
        image_stride_(numel(signal.padded_size()) * signal.channels),
        first_pixel_(signal.elements(signal.before)),
        storage_(size_t(count * image_stride_ + slack), T(0)) {}

  int64_t image_stride() const { return image_stride_; }
  const T* at_position_zero() const { return storage_.data() + signal_.elements(signal_.origin); }

  void fill(int64_t first, int64_t count, int64_t group) {
    const T* images = signal_.images.template const_data_ptr<T>();
    for (int64_t n = 0; n < count; ++n) {
      const T* image = images + (first + n) * signal_.images.stride(0) + group * signal_.channels * channel_stride_;
      T* packed = storage_.data() + n * image_stride_ + first_pixel_;
      for (int64_t z = 0; z < signal_.size[0]; ++z) {
        for (int64_t y = 0; y < signal_.size[1]; ++y) {
          pack_row(image + z * strides_[0] + y * strides_[1], packed + signal_.elements({z, y, 0}));
        }
      }
    }
  }

 private:
  // A few channels at a time: their lines stay in the first-level cache, also where the channels' distance is a power
  // of two and all lines compete for one place.
  void pack_row(const T* row, T* packed) const {
    constexpr int64_t together = 8;
    const auto channels = signal_.channels;
    int64_t first = 0;
    for (; first + together <= channels; first += together) {
      pack_channels(row, packed, first, [] { return together; });
    }
    if (first < channels) {
      pack_channels(row, packed, first, [rest = channels - first] { return rest; });
    }
  }

  template <typename Count>
  void pack_channels(const T* row, T* packed, int64_t first, const Count& count) const {
    const T* from = row + first * channel_stride_;
    T* to = packed + first;
    for (int64_t x = 0; x < signal_.size[2]; ++x, from += strides_[2], to += signal_.channels) {
      for (int64_t c = 0; c < count(); ++c) {
        to[c] = from[c * channel_stride_];
      }
    }
  }

  const Signal& signal_;
  Extent strides_;
  int64_t channel_stride_;
  int64_t image_stride_;
  int64_t first_pixel_;
  std::vector<T> storage_;
};

// A pairing cut into the kernel's tiles.
struct TileList {
  Extent positions;
  std::vector<int64_t> offsets;     // of all vectors of the right side
  std::vector<int64_t> empty_rows;  // of each
  int64_t left = 0, height = 0;
  int64_t columns = 0;  // elements of a row of the sums
  int64_t sums_offset = 0;

  TileList(const Pairing& pairing, int64_t lanes)
      : positions(pairing.positions), left(pairing.left.start), height(pairing.left.length) {
    for (const auto& run : pairing.right) {
      for (int64_t element = 0; element < run.length; element += lanes) {
        offsets.push_back(run.start + element);
        empty_rows.push_back(run.empty_rows);
      }
    }
    columns = int64_t(offsets.size()) * lanes;
  }
  int64_t numel() const { return height * columns; }
};

template <typename T>
class Correlation {
 public:
  Correlation(
      const std::optional<at::Tensor>& left, const Signal& right, int64_t groups, const std::vector<Pairing>& pairings)
      : left_(left), right_(right), groups_(groups), pairings_(pairings) {
    for (const auto& pairing : pairings) {
      tiles_.emplace_back(pairing, kernels<T>().lanes);
      tiles_.back().sums_offset = sums_numel_;
      sums_numel_ += tiles_.back().numel();
      products_ += numel(pairing.positions) * tiles_.back().numel();
      positions_ = std::max(positions_, numel(pairing.positions));
      for (const auto offset : tiles_.back().offsets) {
        furthest_ = std::max(furthest_, offset);
      }
    }
  }

  // With `totals` [groups, channels] float64, also the sums of the left channels.
  std::vector<at::Tensor> run(at::Tensor* totals) const {
    const auto images = right_.images.size(0);
    const auto image_bytes = std::max<int64_t>(1, numel(right_.padded_size()) * right_.channels * int64_t(sizeof(T)));
    const auto wanted = sums_numel_ > large_sums ? large_sums_terms / std::max<int64_t>(1, positions_) : 1;
    const auto per_block = std::clamp<int64_t>(
        std::max(block_bytes / image_bytes, std::min(wanted, largest_block_bytes / image_bytes)), 1,
        std::max<int64_t>(1, images));
    const auto blocks = (images + per_block - 1) / per_block;
    const auto units = groups_ * blocks;
    const auto threads = std::clamp<int64_t>(
        std::min<int64_t>(at::get_num_threads(), images * groups_ * products_ / smallest_share), 1,
        std::max<int64_t>(1, units));

    auto sums = zero_scratch({threads, groups_, sums_numel_});
    double* data = sums.mutable_data_ptr<double>();
    const auto channels = left_ ? left_->size(1) / groups_ : 0;
    auto channel_sums = at::zeros({threads, groups_, totals != nullptr ? channels : 0}, sums.options());
    double* totals_data = channel_sums.mutable_data_ptr<double>();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (auto thread = begin; thread < end; ++thread) {
        PackedImages<T> packed(right_, per_block, furthest_ + kernels<T>().lanes);
        for (auto unit = units * thread / threads; unit < units * (thread + 1) / threads; ++unit) {
          const auto group = unit / blocks;
          const auto first = unit % blocks * per_block;
          const auto count = std::min(per_block, images - first);
          packed.fill(first, count, group);
          const auto a = left_side(packed, first, group);
          for (const auto& tiles : tiles_) {
            add_block(a, packed, count, tiles, data + (thread * groups_ + group) * sums_numel_ + tiles.sums_offset);
          }
          if (totals != nullptr) {
            add_totals(a, count, channels, totals_data + (thread * groups_ + group) * channels);
          }
        }
      }
    });
    if (totals != nullptr) {
      *totals = channel_sums.sum(0);
    }
    return split(threads == 1 ? sums[0] : sums.sum(0));
  }

 private:
  struct LeftSide {
    const T* data;
    int64_t image, channel;
    Extent step;
  };

  LeftSide left_side(const PackedImages<T>& packed, int64_t first, int64_t group) const {
    if (!left_) {
      return {packed.at_position_zero(), packed.image_stride(), 1, steps(right_)};
    }
    const auto image = left_->stride(0), channel = left_->stride(1);
    const auto group_stride = left_->size(1) / groups_ * channel;
    return {
        left_->template const_data_ptr<T>() + first * image + group * group_stride, image, channel,
        extent(left_->strides().slice(2), 0)};
  }

  // The left side's positions lie densely in each channel (checked by the caller).
  void add_totals(const LeftSide& a, int64_t images, int64_t channels, double* totals) const {
    const auto positions = left_->numel() / std::max<int64_t>(1, left_->size(0) * left_->size(1));
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t c = 0; c < channels; ++c) {
        totals[c] += kernels<T>().sum(a.data + n * a.image + c * a.channel, positions);
      }
    }
  }

  // Cuts the positions of a block into pieces of few terms: whole images where they are small and
  // flat, else rows or parts of rows.
  void add_block(
      const LeftSide& a, const PackedImages<T>& b, int64_t images, const TileList& tiles, double* sums) const {
    const bool flat = tiles.positions[0] == 1;
    const Extent all{flat ? images : tiles.positions[0], tiles.positions[1], tiles.positions[2]};
    const auto terms = sums_numel_ > large_sums ? large_sums_terms : correlation_terms;
    const auto columns = std::min(all[2], terms);
    const auto rows = std::clamp<int64_t>(terms / columns, 1, all[1]);
    const auto planes = rows == all[1] && columns == all[2] ? std::max<int64_t>(1, terms / (rows * columns)) : 1;
    CorrelationTile<T> piece{};
    piece.a_channel = a.channel;
    piece.a_step = a.step;
    piece.b_step = steps(right_);
    if (flat) {
      piece.a_step[0] = a.image;
      piece.b_step[0] = b.image_stride();
    }
    for (int64_t n = 0; n < (flat ? 1 : images); ++n) {
      for (int64_t z = 0; z < all[0]; z += planes) {
        for (int64_t y = 0; y < all[1]; y += rows) {
          for (int64_t x = 0; x < all[2]; x += columns) {
            piece.positions = {std::min(planes, all[0] - z), std::min(rows, all[1] - y), std::min(columns, all[2] - x)};
            piece.a = a.data + n * a.image + dot(piece.a_step, {z, y, x});
            piece.b = b.at_position_zero() + n * b.image_stride() + dot(piece.b_step, {z, y, x});
            add_piece(piece, tiles, all[1] - y, sums);
          }
        }
      }
    }
  }

  // `rows_left` is the number of rows from the piece's first one to the last one.
  static void add_piece(CorrelationTile<T> tile, const TileList& tiles, int64_t rows_left, double* sums) {
    const auto& kernel = kernels<T>();
    const auto shape = kernel.correlation_shape(tiles.height);
    const auto rows = tile.positions[1];
    const T* left = tile.a + tiles.left;
    tile.sums_stride = tiles.columns;
    for (int64_t v = 0; v < int64_t(tiles.offsets.size()); v += shape.width) {
      tile.width = int(std::min<int64_t>(shape.width, int64_t(tiles.offsets.size()) - v));
      const auto empty = *std::min_element(&tiles.empty_rows[v], &tiles.empty_rows[v] + tile.width);
      tile.positions[1] = std::min(rows, rows_left - empty);
      if (tile.positions[1] <= 0) {
        continue;
      }
      tile.offsets = &tiles.offsets[v];
      for (int64_t i = 0; i < tiles.height; i += shape.height) {
        tile.height = int(std::min<int64_t>(shape.height, tiles.height - i));
        tile.a = left + i * tile.a_channel;
        tile.sums = sums + i * tiles.columns + v * kernel.lanes;
        kernel.correlation(tile);
      }
    }
  }

  static int64_t dot(const Extent& a, const Extent& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

  static Extent steps(const Signal& signal) {
    return {
        signal.elements({signal.stride[0], 0, 0}), signal.elements({0, signal.stride[1], 0}),
        signal.elements({0, 0, signal.stride[2]})};
  }

  // Drops the lanes beyond each run.
  std::vector<at::Tensor> split(const at::Tensor& sums) const {
    std::vector<at::Tensor> result;
    for (size_t i = 0; i < pairings_.size(); ++i) {
      const auto& tiles = tiles_[i];
      const auto whole = sums.narrow(1, tiles.sums_offset, tiles.numel()).view({groups_, tiles.height, tiles.columns});
      std::vector<at::Tensor> runs;
      int64_t column = 0;
      const auto lanes = kernels<T>().lanes;
      for (const auto& run : pairings_[i].right) {
        runs.push_back(whole.narrow(2, column, run.length));
        column += round_up(run.length, lanes);
      }
      result.push_back(runs.size() == 1 ? runs.front() : at::cat(runs, 2));
    }
    return result;
  }

  const std::optional<at::Tensor>& left_;
  const Signal& right_;
  int64_t groups_;
  const std::vector<Pairing>& pairings_;
  std::vector<TileList> tiles_;
  int64_t sums_numel_ = 0;
  int64_t products_ = 0;   // per image and group
  int64_t positions_ = 0;  // most of them
  int64_t furthest_ = 0;   // largest offset of a vector: the last image is read that far beyond its end
};

}  // namespace

Extent extent(at::IntArrayRef values, int64_t missing) {
  Extent result{missing, missing, missing};
  std::copy(values.begin(), values.end(), result.end() - int64_t(values.size()));
  return result;
}

Extent Signal::padded_size() const {
  return {before[0] + size[0] + after[0], before[1] + size[1] + after[1], before[2] + size[2] + after[2]};
}

int64_t Signal::elements(const Extent& shift) const {
  const auto padded = padded_size();
  return ((shift[0] * padded[1] + shift[1]) * padded[2] + shift[2]) * channels;
}

namespace {

std::vector<at::Tensor> correlate_typed(
    const std::optional<at::Tensor>& left,
    const Signal& right,
    int64_t groups,
    const std::vector<Pairing>& pairings,
    at::Tensor* totals) {
  if (pairings.empty()) {
    return {};
  }
  if (left) {
    TORCH_INTERNAL_ASSERT(
        left->size(0) == right.images.size(0) && left->scalar_type() == right.images.scalar_type(),
        "both sides of a correlation have the same images");
  }
  if (right.images.scalar_type() == at::kDouble) {
    return Correlation<double>(left, right, groups, pairings).run(totals);
  }
  return Correlation<float>(left, right, groups, pairings).run(totals);
}

}  // namespace

std::vector<at::Tensor> correlate(
    const std::optional<at::Tensor>& left, const Signal& right, int64_t groups, const std::vector<Pairing>& pairings) {
  return correlate_typed(left, right, groups, pairings, nullptr);
}

CorrelationAndTotals correlate_with_totals(
    const at::Tensor& left, const Signal& right, int64_t groups, const Pairing& pairing) {
  const auto dense = left.contiguous();
  CorrelationAndTotals result;
  result.sums = correlate_typed(dense, right, groups, {pairing}, &result.totals).front();
  return result;
}

double correlation_bytes(double sums) {
  return 8 * sums * double(at::get_num_threads() + 2);
}

}  // namespace proxprop
