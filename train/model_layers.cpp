#include "train/errors.h"
#include "train/model.h"

namespace proxprop::train {
namespace {

using Texts = std::vector<std::string>;

void check_activation(const std::string& name) {
  require<ConfigError>(
      name == "relu" || name == "leaky_relu" || name == "sigmoid" || name == "tanh",
      "model.activation must be relu, leaky_relu, sigmoid or tanh, got '", name, "'");
}

Texts mlp_layers(const ModelConfig& config) {
  const std::vector<int64_t> paper = {4000, 1000, 4000};  // section 5.1
  Texts texts = {"flatten"};
  for (const int64_t width : config.hidden.empty() ? paper : config.hidden) {
    texts.push_back("linear " + std::to_string(width));
    texts.push_back(config.activation);
  }
  return texts;
}

Texts convnet_layers(const ModelConfig& config) {
  require<ConfigError>(
      config.hidden.empty(), "model.hidden belongs to model.name = \"mlp\"; convnet has no hidden widths");
  Texts texts;
  for (const std::string channels : {"16", "20", "20"}) {  // section 5.3
    texts.push_back("conv " + channels + " 5 padding=2");
    texts.push_back(config.activation);
    texts.push_back("max_pool 2");
  }
  return texts;
}

Texts layer_texts(const ModelConfig& config) {
  if (!config.layers.empty()) {
    require<ConfigError>(config.hidden.empty(), "model.hidden and model.layers exclude each other");
    return config.layers;
  }
  check_activation(config.activation);
  if (config.name == "mlp")
    return mlp_layers(config);
  if (config.name == "convnet")
    return convnet_layers(config);
  throw ConfigError(
      "model.name must be mlp or convnet, or model.layers must list the layers; got '" + config.name + "'");
}

void append(std::vector<ModelLayer>& layers, const LayerSpec& spec, const Shape& input, const std::string& where) {
  const Shape& last = layers.empty() ? input : layers.back().output;
  layers.push_back({spec, last, output_shape(spec, last, where), false});
}

}  // namespace

std::vector<ModelLayer> model_layers(const ModelConfig& config, const Shape& input, int64_t classes) {
  require<ConfigError>(classes >= 1, "the data set must have at least one class, got ", classes);
  require<ConfigError>(
      input.size() == 3 && entries(input) >= 1, "the data set's records are empty (", to_string(input), ")");
  const std::string list = config.layers.empty() ? config.name + " layer" : "model.layers";
  std::vector<ModelLayer> layers;
  for (const std::string& text : layer_texts(config)) {
    const std::string where = list + "[" + std::to_string(layers.size()) + "]";
    append(layers, parse_layer(text, where), input, where + " \"" + text + "\"");
  }
  if (layers.back().output.size() > 1)
    append(layers, FlattenSpec{}, input, "the flatten before the output layer");
  append(layers, LinearSpec{classes}, input, "the output layer");
  layers.back().output_layer = true;
  return layers;
}

}  // namespace proxprop::train
