#pragma once
// Single layers to be measured: forward and backward of a plain layer and of a proximal one.

#include "benchmarks/measure.h"

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::benchmarks {

struct LayerCase {
  std::string name;
  Dimensions dimensions;
  /// A layer that takes steps, the plain one where there are no options. The input is the same for all.
  std::function<Running(std::optional<ProximalOptions>)> make;
};

LayerCase linear_case(int64_t rows, int64_t in, int64_t out);

struct ConvForm {
  int64_t stride = 1, dilation = 1, groups = 1;
  bool transposed = false;
};

/// A convolution of 1, 2 or 3 dimensions, as `size` has entries, that keeps the size where the stride is 1 and the
/// kernel odd.
struct ConvCase {
  int64_t batch, in, out;
  std::vector<int64_t> size;
  int64_t kernel;
  ConvForm form;
};
LayerCase conv_case(const ConvCase& c);

}  // namespace proxprop::benchmarks
