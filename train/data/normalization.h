#pragma once

#include "train/data/labelled_images.h"

#include <string>
#include <vector>

namespace proxprop::train {

struct Dataset;

/// Of pixels in [0, 1], one value for each channel.
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> standard_deviation;  ///< of the population: divided by N, not N - 1
};

/// Over all records and positions, in float64. `images` is uint8, N x C x H x W, with N at least 1.
ChannelStatistics channel_statistics(const at::Tensor& images);

/// What pixels become, x in [0, 1], mean and deviation those of the channel over `train`:
///   none         x
///   center       x - mean
///   standardize  (x - mean) / standard deviation; a channel that never varies is only centered
/// Throws DataError for another name.
PixelMap pixel_map(const std::string& normalization, const LabelledImages& train);

/// Throws DataError unless there is such a normalization.
void check_normalization(const std::string& normalization);

/// The data set with the training records' pixel_map on all three parts; no pixel is copied.
Dataset normalized(Dataset dataset, const std::string& normalization);

}  // namespace proxprop::train
