#include "train/data/synthetic.h"

#include "train/data/random.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

namespace proxprop::train {
namespace {

constexpr int64_t kGrid = 5;                // grid points a side of a prototype's coarse grid
constexpr int64_t kOne = int64_t{1} << 16;  // fixed-point 1.0
constexpr uint64_t kPrototypeStream = ~uint64_t{0};

/// Position of a pixel on the coarse grid: the point to its left and the distance to it.
struct GridPosition {
  int64_t point, fraction;
};

GridPosition on_grid(int64_t pixel, int64_t pixels) {
  const int64_t position = pixels > 1 ? pixel * (kGrid - 1) * kOne / (pixels - 1) : 0;
  const int64_t point = std::min(position / kOne, kGrid - 2);
  return {point, position - point * kOne};
}

/// One plane of height x width, bilinear between grid values in [32, 224).
void append_plane(std::vector<int64_t>& planes, SplitMix64& random, int64_t height, int64_t width) {
  int64_t grid[kGrid][kGrid];
  for (auto& row : grid) {
    for (int64_t& value : row) {
      value = 32 + static_cast<int64_t>(random.below(192));
    }
  }
  for (int64_t y = 0; y < height; ++y) {
    const auto [i, down] = on_grid(y, height);
    for (int64_t x = 0; x < width; ++x) {
      const auto [j, right] = on_grid(x, width);
      const int64_t top = grid[i][j] * (kOne - right) + grid[i][j + 1] * right;
      const int64_t bottom = grid[i + 1][j] * (kOne - right) + grid[i + 1][j + 1] * right;
      planes.push_back((top / kOne * (kOne - down) + bottom / kOne * down) / kOne);
    }
  }
}

/// Noise of mean 0 and the given standard deviation, nearly normal: the sum of 8 uniform bytes has mean 1020 and
/// standard deviation sqrt(8 (256^2 - 1) / 12) = 209.02.
int64_t noise_value(SplitMix64& random, int64_t standard_deviation) {
  uint64_t bits = random.next();
  int64_t sum = 0;
  for (int byte = 0; byte < 8; ++byte, bits >>= 8) {
    sum += static_cast<int64_t>(bits & 0xff);
  }
  return (sum - 1020) * standard_deviation / 209;
}

}  // namespace

LabelledImages make_synthetic(const SyntheticOptions& options, int64_t records, uint64_t stream) {
  TORCH_CHECK(
      options.classes >= 1 && options.channels >= 1 && options.height >= 1 && options.width >= 1,
      "make_synthetic: classes, channels, height and width must be at least 1");
  TORCH_CHECK(
      options.noise >= 0 && options.noise <= 255, "make_synthetic: noise must be in [0, 255], got ", options.noise);
  TORCH_CHECK(records >= 0, "make_synthetic: records must be at least 0, got ", records);
  TORCH_CHECK(stream != kPrototypeStream, "make_synthetic: this stream is the prototypes' own");

  std::vector<int64_t> prototypes;
  SplitMix64 prototype_random(options.seed, kPrototypeStream);
  for (int64_t plane = 0; plane < options.classes * options.channels; ++plane) {
    append_plane(prototypes, prototype_random, options.height, options.width);
  }

  LabelledImages result{
      at::empty({records, options.channels, options.height, options.width}, at::kByte),
      at::empty({records}, at::kLong)};
  uint8_t* pixel = result.images.data_ptr<uint8_t>();
  int64_t* labels = result.labels.data_ptr<int64_t>();
  const int64_t image_pixels = options.channels * options.height * options.width;
  SplitMix64 noise_random(options.seed, stream);
  for (int64_t record = 0; record < records; ++record) {
    labels[record] = record % options.classes;
    const int64_t* prototype = prototypes.data() + labels[record] * image_pixels;
    for (int64_t i = 0; i < image_pixels; ++i) {
      const int64_t value = prototype[i] + noise_value(noise_random, options.noise);
      *pixel++ = static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255));
    }
  }
  return result;
}

}  // namespace proxprop::train
