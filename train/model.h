#pragma once

#include "train/config.h"
#include "train/layer_shape.h"
#include "train/layer_spec.h"
#include "train/observer.h"

#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::train {

/// One entry of the network, in order; its place is its name ("0", "1", ...).
struct ModelLayer {
  LayerSpec spec;
  Shape input;
  Shape output;
  bool output_layer = false;  ///< trained by explicit steps, whatever the method (paper, eq. 8 and 12)
};

/// The layers of the configured model for records of size `input` = {channels, height, width}.
///   mlp      flatten, then `hidden` widths (default: the paper's 4000, 1000, 4000) with activations
///   convnet  the paper's section 5.3: three times convolution (16, 20, 20 channels, 5 x 5), activation, 2 x 2 max
///   pooling layers   as listed
/// A linear output layer for `classes` is appended, after a flatten where it is needed.
/// Throws ConfigError that names the layer and the sizes that do not fit.
std::vector<ModelLayer> model_layers(const ModelConfig& config, const Shape& input, int64_t classes);

/// The network: proxprop::nn layers with the options of `method` where it has a proximal step, torch::nn layers
/// otherwise; the output layer is always a torch::nn::Linear. Parameters have torch's names, shapes and default
/// initialisation, and after the same torch::manual_seed the same values whatever the method.
torch::nn::Sequential build_model(const std::vector<ModelLayer>& layers, const MethodConfig& method);

/// The planner's choice for every layer with parameters, for batches of `batch_size` records.
std::vector<LayerPlan> plan_model(
    torch::nn::Sequential& model, const std::vector<ModelLayer>& layers, int64_t batch_size);

/// Number of trainable parameters.
int64_t parameter_count(const torch::nn::Module& model);

/// Moves parameters and buffers to `device`, and those of a floating-point type to `dtype`.
void convert(torch::nn::Module& model, at::Device device, at::ScalarType dtype);

}  // namespace proxprop::train
