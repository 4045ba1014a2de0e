#include "train/layer_spec.h"

#include "train/errors.h"

#include <charconv>
#include <map>
#include <sstream>
#include <system_error>
#include <vector>

namespace proxprop::train {
namespace {

// Far above any layer that fits a machine, and low enough that products of two stay in 64 bits.
constexpr int64_t kLargestNumber = int64_t{1} << 30;

int64_t parse_integer(const std::string& text, int64_t least, const std::string& what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  require<ConfigError>(
      whole && value >= least && value <= kLargestNumber, what, " must be an integer from ", least, " to ",
      kLargestNumber, ", got '", text, "'");
  return value;
}

// The words of a layer: its kind, then values by position, then key=value. Whatever is not asked for is an error.
class Words {
 public:
  Words(const std::string& text, std::string where) : where_(std::move(where)) {
    std::istringstream stream(text);
    stream >> kind_;
    for (std::string word; stream >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        require<ConfigError>(options_.empty(), where_, ": '", word, "' must stand before the options");
        positional_.push_back(word);
      } else {
        const bool is_new = options_.emplace(word.substr(0, equals), word.substr(equals + 1)).second;
        require<ConfigError>(is_new, where_, ": option '", word.substr(0, equals), "' is given twice");
      }
    }
  }

  const std::string& kind() const { return kind_; }

  int64_t positional_integer(const std::string& name) {
    return parse_integer(positional(name), 1, where_ + ": " + name);
  }
  Extent positional_extent(const std::string& name) { return parse_extent(positional(name), 1, name); }

  double positional_number(const std::string& name, double otherwise, double least, double below) {
    if (used_positional_ == positional_.size())
      return otherwise;
    const std::string text = positional(name);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    require<ConfigError>(
        whole && value >= least && value < below, where_, ": ", name, " must be a number in [", least, ", ", below,
        "), got '", text, "'");
    return value;
  }

  int64_t integer(const std::string& name, int64_t otherwise, int64_t least) {
    const std::string text = option(name);
    return text.empty() ? otherwise : parse_integer(text, least, where_ + ": " + name);
  }

  Extent extent(const std::string& name, Extent otherwise, int64_t least) {
    const std::string text = option(name);
    return text.empty() ? otherwise : parse_extent(text, least, name);
  }

  bool boolean(const std::string& name, bool otherwise) {
    const std::string text = option(name);
    require<ConfigError>(
        text.empty() || text == "true" || text == "false", where_, ": ", name, " must be true or false, got '", text,
        "'");
    return text.empty() ? otherwise : text == "true";
  }

  void expect_no_more() const {
    require<ConfigError>(
        used_positional_ == positional_.size(), where_, ": nothing was expected at '",
        used_positional_ < positional_.size() ? positional_[used_positional_] : "", "'");
    if (options_.empty())
      return;
    const std::string takes = asked_.empty() ? "has no options" : "takes " + asked_;
    throw ConfigError(where_ + ": unknown option '" + options_.begin()->first + "'; " + kind_ + " " + takes);
  }

 private:
  std::string positional(const std::string& name) {
    require<ConfigError>(used_positional_ < positional_.size(), where_, ": ", name, " is missing");
    return positional_[used_positional_++];
  }

  std::string option(const std::string& name) {
    asked_ += (asked_.empty() ? "" : ", ") + name;
    const auto found = options_.find(name);
    if (found == options_.end())
      return {};
    std::string text = found->second;
    require<ConfigError>(!text.empty(), where_, ": option '", name, "' has no value");
    options_.erase(found);
    return text;
  }

  Extent parse_extent(const std::string& text, int64_t least, const std::string& name) const {
    const size_t cross = text.find('x');
    const int64_t height = parse_integer(text.substr(0, cross), least, where_ + ": " + name);
    if (cross == std::string::npos)
      return {height, height};
    return {height, parse_integer(text.substr(cross + 1), least, where_ + ": " + name)};
  }

  std::string where_;
  std::string kind_;
  std::vector<std::string> positional_;
  size_t used_positional_ = 0;
  std::map<std::string, std::string> options_;
  std::string asked_;
};

ConvSpec parse_conv(Words& words) {
  ConvSpec conv;
  conv.outputs = words.positional_integer("the number of output channels");
  conv.kernel = words.positional_extent("the kernel size");
  conv.stride = words.extent("stride", {1, 1}, 1);
  conv.padding = words.extent("padding", {0, 0}, 0);
  conv.dilation = words.extent("dilation", {1, 1}, 1);
  conv.groups = words.integer("groups", 1, 1);
  conv.bias = words.boolean("bias", true);
  return conv;
}

ConvTransposeSpec parse_conv_transpose(Words& words) {
  ConvTransposeSpec conv{parse_conv(words)};
  conv.output_padding = words.extent("output_padding", {0, 0}, 0);
  return conv;
}

LayerSpec parse_pool(Words& words, PoolSpec::Kind kind) {
  PoolSpec pool;
  pool.kind = kind;
  pool.kernel = words.positional_extent("the kernel size");
  pool.stride = words.extent("stride", pool.kernel, 1);
  pool.padding = words.extent("padding", {0, 0}, 0);
  return pool;
}

LayerSpec parse_words(Words& words, const std::string& where) {
  using Activation = ActivationSpec::Kind;
  const std::string& kind = words.kind();
  if (kind == "conv")
    return parse_conv(words);
  if (kind == "conv_transpose")
    return parse_conv_transpose(words);
  if (kind == "linear") {
    const int64_t outputs = words.positional_integer("the number of outputs");
    return LinearSpec{outputs, words.boolean("bias", true)};
  }
  if (kind == "relu")
    return ActivationSpec{Activation::relu};
  if (kind == "leaky_relu")
    return ActivationSpec{Activation::leaky_relu, words.positional_number("the slope", 0.01, 0, 1)};
  if (kind == "sigmoid")
    return ActivationSpec{Activation::sigmoid};
  if (kind == "tanh")
    return ActivationSpec{Activation::tanh};
  if (kind == "max_pool")
    return parse_pool(words, PoolSpec::Kind::max);
  if (kind == "avg_pool")
    return parse_pool(words, PoolSpec::Kind::average);
  if (kind == "flatten")
    return FlattenSpec{};
  if (kind == "dropout")
    return DropoutSpec{words.positional_number("the probability", 0.5, 0, 1)};
  if (kind == "batch_norm")
    return BatchNormSpec{};
  throw ConfigError(
      where + ": unknown layer '" + kind +
      "'; known are conv, conv_transpose, linear, relu, leaky_relu, sigmoid, tanh, max_pool, avg_pool, flatten, "
      "dropout, batch_norm");
}

}  // namespace

LayerSpec parse_layer(const std::string& text, const std::string& where) {
  const std::string place = where + " \"" + text + "\"";
  Words words(text, place);
  LayerSpec spec = parse_words(words, place);
  words.expect_no_more();
  return spec;
}

}  // namespace proxprop::train
