#include "train/model.h"

#include "train/errors.h"
#include "train/method.h"
#include "train/rules/directed_layer.h"
#include "train/rules/make_rule.h"

#include <proxprop/nn/conv.h>
#include <proxprop/nn/conv_transpose.h>
#include <proxprop/nn/linear.h>

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <optional>

namespace proxprop::train {
namespace {

using torch::ExpandingArray;

ExpandingArray<2> pair(Extent extent) {
  return ExpandingArray<2>({extent.height, extent.width});
}

template <class Options>
Options with_proximal(Options options, const ProximalOptions& proximal) {
  return options.tau_theta(proximal.tau_theta).solver(proximal.solver).scaling(proximal.scaling);
}

template <class Options>
Options conv_options(const ConvSpec& spec, const Shape& input) {
  return Options(input[0], spec.outputs, pair(spec.kernel))
      .stride(pair(spec.stride))
      .padding(pair(spec.padding))
      .dilation(pair(spec.dilation))
      .groups(spec.groups)
      .bias(spec.bias);
}

struct LayerBuilder {
  torch::nn::Sequential& model;
  const Shape& input;
  const std::optional<ProximalOptions>& proximal;
  const MethodConfig* ruled;  // nullptr: the layer follows no rule

  std::unique_ptr<DirectionRule> rule_for_convolution() const {
    require<ConfigError>(
        !is_for_linear_layers_only(*ruled), "the released methods are for models of fully connected layers only");
    return make_rule(*ruled);
  }

  void operator()(const ConvSpec& spec) const {
    if (proximal) {
      model->push_back(nn::Conv2d(with_proximal(conv_options<nn::Conv2dOptions>(spec, input), *proximal)));
      return;
    }
    const auto options = conv_options<torch::nn::Conv2dOptions>(spec, input);
    if (ruled != nullptr) {
      model->push_back(DirectedConv2d(options, rule_for_convolution()));
    } else {
      model->push_back(torch::nn::Conv2d(options));
    }
  }

  void operator()(const ConvTransposeSpec& spec) const {
    const auto padding = pair(spec.output_padding);
    if (proximal) {
      const auto options = conv_options<nn::ConvTranspose2dOptions>(spec, input).output_padding(padding);
      model->push_back(nn::ConvTranspose2d(with_proximal(options, *proximal)));
      return;
    }
    const auto options = conv_options<torch::nn::ConvTranspose2dOptions>(spec, input).output_padding(padding);
    if (ruled != nullptr) {
      model->push_back(DirectedConvTranspose2d(options, rule_for_convolution()));
    } else {
      model->push_back(torch::nn::ConvTranspose2d(options));
    }
  }

  void operator()(const LinearSpec& spec) const {
    if (ruled != nullptr) {
      model->push_back(
          DirectedLinear(torch::nn::LinearOptions(input[0], spec.outputs).bias(spec.bias), make_rule(*ruled)));
    } else if (proximal) {
      model->push_back(nn::Linear(with_proximal(nn::LinearOptions(input[0], spec.outputs).bias(spec.bias), *proximal)));
    } else {
      model->push_back(torch::nn::Linear(torch::nn::LinearOptions(input[0], spec.outputs).bias(spec.bias)));
    }
  }

  void operator()(const PoolSpec& spec) const {
    if (spec.kind == PoolSpec::Kind::max) {
      model->push_back(torch::nn::MaxPool2d(
          torch::nn::MaxPool2dOptions(pair(spec.kernel)).stride(pair(spec.stride)).padding(pair(spec.padding))));
    } else {
      model->push_back(torch::nn::AvgPool2d(
          torch::nn::AvgPool2dOptions(pair(spec.kernel)).stride(pair(spec.stride)).padding(pair(spec.padding))));
    }
  }

  void operator()(const ActivationSpec& spec) const {
    switch (spec.kind) {
      case ActivationSpec::Kind::relu: model->push_back(torch::nn::ReLU()); break;
      case ActivationSpec::Kind::sigmoid: model->push_back(torch::nn::Sigmoid()); break;
      case ActivationSpec::Kind::tanh: model->push_back(torch::nn::Tanh()); break;
      case ActivationSpec::Kind::leaky_relu:
        model->push_back(torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(spec.negative_slope)));
        break;
    }
  }

  void operator()(const FlattenSpec&) const { model->push_back(torch::nn::Flatten()); }
  void operator()(const DropoutSpec& spec) const { model->push_back(torch::nn::Dropout(spec.probability)); }
  void operator()(const BatchNormSpec&) const {
    if (input.size() == 3) {
      model->push_back(torch::nn::BatchNorm2d(input[0]));
    } else {
      model->push_back(torch::nn::BatchNorm1d(input[0]));
    }
  }
};

// Rows S, columns d and outputs O of the layer's sample matrix; kind stays empty for a layer that is linear in nothing.
LayerPlan sizes_of(const ModelLayer& layer, int64_t batch_size) {
  LayerPlan plan;
  plan.rows = batch_size;
  if (const auto* linear = std::get_if<LinearSpec>(&layer.spec)) {
    plan.kind = "Linear";
    plan.columns = layer.input[0] + linear->bias;
    plan.outputs = linear->outputs;
    return plan;
  }
  const auto* transposed = std::get_if<ConvTransposeSpec>(&layer.spec);
  const ConvSpec* conv = transposed != nullptr ? transposed : std::get_if<ConvSpec>(&layer.spec);
  if (conv != nullptr) {
    plan.kind = transposed != nullptr ? "ConvTranspose2d" : "Conv2d";
    plan.rows *= layer.output[1] * layer.output[2];
    plan.columns = layer.input[0] / conv->groups * conv->kernel.height * conv->kernel.width + conv->bias;
    plan.outputs = conv->outputs;
  }
  return plan;
}

void choose(
    LayerPlan& plan,
    const torch::nn::Module& module,
    const ModelLayer& described,
    const at::TensorOptions& options,
    int64_t batch_size) {
  plan.solver = "gradient";
  plan.route = "explicit";
  plan.reason = described.output_layer ? "the output layer takes explicit steps" : "explicit steps";
  Shape sizes = described.input;
  sizes.insert(sizes.begin(), batch_size);
  if (const auto* directed = dynamic_cast<const DirectedLayer*>(&module)) {
    const RulePlan chosen = directed->plan(at::empty(sizes, options));
    plan.solver = chosen.solver;
    plan.route = chosen.route;
    plan.reason = chosen.reason;
  }
  const auto* layer = dynamic_cast<const nn::ProximalLayer*>(&module);
  if (layer == nullptr)
    return;
  const Plan chosen = layer->plan(at::empty(sizes, options));
  plan.solver = proxprop::to_string(layer->proximal_options().solver);
  plan.route = proxprop::to_string(chosen.route);
  plan.reason = chosen.reason;
}

}  // namespace

torch::nn::Sequential build_model(const std::vector<ModelLayer>& layers, const MethodConfig& method) {
  const std::optional<ProximalOptions> proximal = proximal_options(method);
  const std::optional<ProximalOptions> none;
  const bool ruled_hidden = has_rule(method), ruled_output = rules_output_layer(method);
  torch::nn::Sequential model;
  for (const ModelLayer& layer : layers) {
    const bool ruled = layer.output_layer ? ruled_output : ruled_hidden;
    std::visit(
        LayerBuilder{model, layer.input, layer.output_layer ? none : proximal, ruled ? &method : nullptr}, layer.spec);
  }
  return model;
}

std::vector<LayerPlan> plan_model(
    torch::nn::Sequential& model, const std::vector<ModelLayer>& layers, int64_t batch_size) {
  std::vector<LayerPlan> plans;
  const auto children = model->named_children();
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerPlan plan = sizes_of(layers[i], batch_size);
    if (plan.kind.empty())
      continue;
    const auto& child = children[i];
    plan.layer = child.key();
    choose(plan, *child.value(), layers[i], model->parameters().front().options(), batch_size);
    plans.push_back(std::move(plan));
  }
  return plans;
}

int64_t parameter_count(const torch::nn::Module& model) {
  int64_t count = 0;
  for (const at::Tensor& parameter : model.parameters())
    count += parameter.numel();
  return count;
}

void convert(torch::nn::Module& model, at::Device device, at::ScalarType dtype) {
  // Not Module::to(dtype), which would also turn batch_norm's counter into floating point.
  const auto move = [&](at::Tensor& tensor) {
    tensor.set_data(tensor.is_floating_point() ? tensor.to(device, dtype) : tensor.to(device));
  };
  for (at::Tensor& parameter : model.parameters())
    move(parameter);
  for (at::Tensor& buffer : model.buffers())
    move(buffer);
}

}  // namespace proxprop::train
