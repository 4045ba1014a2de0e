#pragma once

#include "train/data/labelled_images.h"

#include <cstdint>

namespace proxprop::train {

/// A generated classification task: each class has a prototype image (a coarse random grid, smoothly interpolated),
/// each record is its class' prototype plus noise, cut to [0, 255].
struct SyntheticOptions {
  uint64_t seed = 0;     ///< of the prototypes and the records
  int64_t classes = 10;  ///< records take the classes in turn, so each has the same number but for one
  int64_t channels = 3;
  int64_t height = 32;
  int64_t width = 32;
  int64_t noise = 48;  ///< standard deviation of the noise in grey levels; 0: every record is its prototype
};

/// `records` images. The same (options, stream) gives the same bytes on every platform: integers only. Streams share
/// the prototypes and have noise of their own: 0 for training and 1 for test records, say.
LabelledImages make_synthetic(const SyntheticOptions& options, int64_t records, uint64_t stream);

}  // namespace proxprop::train
