#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace proxprop::train {

/// Height x width, written "5" (square) or "5x3".
struct Extent {
  int64_t height = 1;
  int64_t width = 1;
};

/// "conv OUTPUTS KERNEL [stride=1] [padding=0] [dilation=1] [groups=1] [bias=true]"
struct ConvSpec {
  int64_t outputs = 0;
  Extent kernel, stride, padding{0, 0}, dilation;
  int64_t groups = 1;
  bool bias = true;
};

/// "conv_transpose OUTPUTS KERNEL [output_padding=0] ..", and all that conv takes
struct ConvTransposeSpec : ConvSpec {
  Extent output_padding{0, 0};
};

/// "linear OUTPUTS [bias=true]"
struct LinearSpec {
  int64_t outputs = 0;
  bool bias = true;
};

/// "relu", "leaky_relu [SLOPE=0.01]", "sigmoid", "tanh"
struct ActivationSpec {
  enum class Kind { relu, leaky_relu, sigmoid, tanh };
  Kind kind = Kind::relu;
  double negative_slope = 0.01;
};

/// "max_pool KERNEL [stride=KERNEL] [padding=0]", "avg_pool ..."
struct PoolSpec {
  enum class Kind { max, average };
  Kind kind = Kind::max;
  Extent kernel, stride, padding{0, 0};
};

/// "flatten": C x H x W becomes one vector.
struct FlattenSpec {};

/// "dropout [PROBABILITY=0.5]"
struct DropoutSpec {
  double probability = 0.5;
};

/// "batch_norm": over channels, or over the entries of a vector.
struct BatchNormSpec {};

using LayerSpec = std::
    variant<ConvSpec, ConvTransposeSpec, LinearSpec, ActivationSpec, PoolSpec, FlattenSpec, DropoutSpec, BatchNormSpec>;

/// Reads one layer of ModelConfig::layers. Throws ConfigError, which begins with `where`.
///
///     parse_layer("conv 16 5 padding=2", "model.layers[0]");
LayerSpec parse_layer(const std::string& text, const std::string& where);

}  // namespace proxprop::train
