#include "train/layer_shape.h"

#include "train/errors.h"

#include <algorithm>

namespace proxprop::train {
namespace {

// (input + 2 padding - reach) / stride + 1, where reach is what one output looks at.
int64_t window_positions(int64_t input, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  const int64_t reach = dilation * (kernel - 1) + 1;
  const int64_t room = input + 2 * padding - reach;
  return room < 0 ? 0 : room / stride + 1;
}

Shape slide(
    const Shape& input,
    int64_t outputs,
    Extent kernel,
    Extent stride,
    Extent padding,
    Extent dilation,
    const std::string& where) {
  const Shape output = {
      outputs, window_positions(input[1], kernel.height, stride.height, padding.height, dilation.height),
      window_positions(input[2], kernel.width, stride.width, padding.width, dilation.width)};
  require<ConfigError>(
      output[1] > 0 && output[2] > 0, where, ": its input is ", to_string(input), ", and with the padding (",
      padding.height, " x ", padding.width, ") smaller than the kernel (", kernel.height, " x ", kernel.width,
      ", dilation ", dilation.height, " x ", dilation.width, ")");
  return output;
}

// (input - 1) stride - 2 padding + reach + output padding
int64_t spread_positions(
    int64_t input, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, int64_t output_padding) {
  return (input - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding;
}

struct OutputShape {
  const Shape& input;
  const std::string& where;

  void require_image() const {
    require<ConfigError>(
        input.size() == 3, where, ": it needs channels x height x width, but its input is a vector of ",
        to_string(input), " entries; put it before \"flatten\"");
  }

  void require_channels(const ConvSpec& conv) const {
    require_image();
    require<ConfigError>(
        input[0] % conv.groups == 0 && conv.outputs % conv.groups == 0, where, ": groups = ", conv.groups,
        " must divide the ", input[0], " input and the ", conv.outputs, " output channels");
  }

  Shape operator()(const ConvTransposeSpec& conv) const {
    require_channels(conv);
    require<ConfigError>(
        conv.output_padding.height < std::max(conv.stride.height, conv.dilation.height) &&
            conv.output_padding.width < std::max(conv.stride.width, conv.dilation.width),
        where, ": output_padding must be smaller than the stride or the dilation");
    const Shape output = {
        conv.outputs,
        spread_positions(
            input[1], conv.kernel.height, conv.stride.height, conv.padding.height, conv.dilation.height,
            conv.output_padding.height),
        spread_positions(
            input[2], conv.kernel.width, conv.stride.width, conv.padding.width, conv.dilation.width,
            conv.output_padding.width)};
    require<ConfigError>(
        output[1] > 0 && output[2] > 0, where, ": its input is ", to_string(input), ", and the padding (",
        conv.padding.height, " x ", conv.padding.width, ") cuts all of its output away");
    return output;
  }

  Shape operator()(const ConvSpec& conv) const {
    require_channels(conv);
    return slide(input, conv.outputs, conv.kernel, conv.stride, conv.padding, conv.dilation, where);
  }

  Shape operator()(const PoolSpec& pool) const {
    require_image();
    require<ConfigError>(
        2 * pool.padding.height <= pool.kernel.height && 2 * pool.padding.width <= pool.kernel.width, where,
        ": padding must be at most half the kernel size");
    return slide(input, input[0], pool.kernel, pool.stride, pool.padding, Extent{1, 1}, where);
  }

  Shape operator()(const LinearSpec& linear) const {
    require<ConfigError>(input.size() == 1, where, ": its input is ", to_string(input), "; put \"flatten\" before it");
    return {linear.outputs};
  }

  Shape operator()(const FlattenSpec&) const { return {entries(input)}; }
  Shape operator()(const ActivationSpec&) const { return input; }
  Shape operator()(const DropoutSpec&) const { return input; }
  Shape operator()(const BatchNormSpec&) const { return input; }
};

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text;
  for (const int64_t size : shape)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

int64_t entries(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape)
    product *= size;
  return product;
}

Shape output_shape(const LayerSpec& spec, const Shape& input, const std::string& where) {
  Shape output = std::visit(OutputShape{input, where}, spec);
  // Torch counts elements in int64_t; a record of this size fits no machine.
  double product = 1;
  for (const int64_t size : output)
    product *= static_cast<double>(size);
  require<ConfigError>(product < 1e12, where, ": its output of ", to_string(output), " is too large");
  return output;
}

}  // namespace proxprop::train
