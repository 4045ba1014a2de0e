#include "train/data/normalization.h"

#include "train/data/dataset.h"

#include <ATen/ops/bincount.h>
#include <c10/util/Exception.h>

#include <cmath>

namespace proxprop::train {
namespace {

struct Moments {
  double mean, standard_deviation;
};

/// Of how often each byte occurs: exact counts, so that neither depends on the order of the records.
Moments moments(const at::Tensor& counts_of_bytes) {
  const auto* counts = counts_of_bytes.const_data_ptr<int64_t>();
  double total = 0, sum = 0, squares = 0;
  for (int64_t byte = 0; byte < 256; ++byte) {
    total += static_cast<double>(counts[byte]);
    sum += static_cast<double>(counts[byte]) * static_cast<double>(byte) / 255;
  }
  const double mean = sum / total;
  for (int64_t byte = 0; byte < 256; ++byte) {
    const double distance = static_cast<double>(byte) / 255 - mean;
    squares += static_cast<double>(counts[byte]) * distance * distance;
  }
  return {mean, std::sqrt(squares / total)};
}

}  // namespace

ChannelStatistics channel_statistics(const at::Tensor& images) {
  TORCH_CHECK(
      images.defined() && images.scalar_type() == at::kByte && images.dim() == 4 && images.numel() > 0,
      "channel_statistics: images must be uint8, N x C x H x W, and not empty");
  ChannelStatistics statistics;
  for (int64_t channel = 0; channel < images.size(1); ++channel) {
    const at::Tensor bytes = images.select(1, channel).reshape(-1);
    const auto [mean, standard_deviation] = moments(at::bincount(bytes, {}, 256).cpu());
    statistics.mean.push_back(mean);
    statistics.standard_deviation.push_back(standard_deviation);
  }
  return statistics;
}

void check_normalization(const std::string& normalization) {
  if (normalization != "none" && normalization != "center" && normalization != "standardize")
    throw DataError("data.normalization must be none, center or standardize, got '" + normalization + "'");
}

PixelMap pixel_map(const std::string& normalization, const LabelledImages& train) {
  check_normalization(normalization);
  PixelMap map;
  if (normalization == "none")
    return map;
  const ChannelStatistics statistics = channel_statistics(train.images);
  for (size_t channel = 0; channel < statistics.mean.size(); ++channel) {
    const double deviation = statistics.standard_deviation[channel];
    const double divisor = normalization == "standardize" && deviation > 0 ? deviation : 1;
    map.scale.push_back(1 / (255 * divisor));
    map.shift.push_back(-statistics.mean[channel] / divisor);
  }
  return map;
}

Dataset normalized(Dataset dataset, const std::string& normalization) {
  const PixelMap map = pixel_map(normalization, dataset.train);
  for (LabelledImages* part : {&dataset.train, &dataset.validation, &dataset.test})
    part->pixels = map;
  return dataset;
}

}  // namespace proxprop::train
