#include "support.h"
#include "train/errors.h"
#include "train/model.h"

#include <proxprop/nn/proximal_layer.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace proxprop::train {
namespace {

const Shape kCifar = {3, 32, 32};

ModelConfig every_kind_of_layer() {
  ModelConfig config;
  config.layers = {
      "conv 8 3x5 padding=1x2 bias=false",
      "batch_norm",
      "leaky_relu 0.1",
      "max_pool 2",
      "conv 6 3 stride=2 groups=2",
      "tanh",
      "avg_pool 2 stride=1 padding=1",
      "conv 4 2 dilation=2",
      "sigmoid",
      "conv_transpose 6 3 stride=2 padding=1 output_padding=1 groups=2",
      "flatten",
      "dropout 0.25",
      "linear 9 bias=false",
      "batch_norm",
      "relu"};
  return config;
}

ModelConfig named(const std::string& name) {
  ModelConfig config;
  config.name = name;
  if (name == "mlp")
    config.hidden = {20, 10};
  return config;
}

MethodConfig method(const std::string& name) {
  MethodConfig config;
  config.name = name;
  return config;
}

torch::nn::Sequential seeded(const ModelConfig& config, const std::string& method_name) {
  torch::manual_seed(3);
  return build_model(model_layers(config, kCifar, 10), method(method_name));
}

int64_t parameters_of(const ModelConfig& config) {
  return parameter_count(*build_model(model_layers(config, kCifar, 10), method("backprop")));
}

std::string complaint(const ModelConfig& config, const Shape& input = kCifar) {
  return message_of<ConfigError>([&] { model_layers(config, input, 10); });
}

std::string complaint_about(std::vector<std::string> layers) {
  ModelConfig config;
  config.layers = std::move(layers);
  return complaint(config);
}

TEST(Model, SameSeedGivesSameParametersForEveryMethod) {
  for (const ModelConfig& config : {named("mlp"), named("convnet"), every_kind_of_layer()}) {
    const auto expected = seeded(config, "backprop")->named_parameters();
    for (const std::string name : {"exact", "cg"}) {
      const auto parameters = seeded(config, name)->named_parameters();
      ASSERT_EQ(parameters.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(parameters[i].key(), expected[i].key());
        EXPECT_TRUE(parameters[i].value().equal(expected[i].value())) << name << " " << expected[i].key();
      }
    }
  }
}

TEST(Model, ThePapersNetworksHaveThePapersSizes) {
  EXPECT_EQ(parameters_of(ModelConfig()), 3073 * 4000 + 4001 * 1000 + 1001 * 4000 + 4001 * 10);
  EXPECT_EQ(parameters_of(named("convnet")), 76 * 16 + 401 * 20 + 501 * 20 + 321 * 10);
}

TEST(Model, EveryMethodComputesTheSameFunction) {
  const at::Tensor input = at::rand({4, 3, 32, 32});
  for (const ModelConfig& config : {named("mlp"), named("convnet")}) {
    const at::Tensor expected = seeded(config, "backprop")->forward(input);
    for (const std::string name : {"exact", "cg"}) {
      EXPECT_TRUE(at::allclose(seeded(config, name)->forward(input), expected, 1e-5, 1e-6));
    }
  }
}

TEST(Model, LayersGiveTheShapesThatWereForetold) {
  const std::vector<ModelLayer> layers = model_layers(every_kind_of_layer(), kCifar, 10);
  torch::nn::Sequential model = build_model(layers, method("exact"));
  at::Tensor value = at::rand({4, 3, 32, 32});
  for (size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(value.sizes().slice(1), at::IntArrayRef(layers[i].input));
    torch::nn::Sequential one(
        torch::OrderedDict<std::string, torch::nn::AnyModule>{{"layer", *(model->begin() + static_cast<int64_t>(i))}});
    value = one->forward(value);
    EXPECT_EQ(value.sizes().slice(1), at::IntArrayRef(layers[i].output));
  }
  EXPECT_EQ(value.sizes(), at::IntArrayRef({4, 10}));
}

TEST(Model, TheOutputLayerIsExplicitAndEveryOtherProximal) {
  for (const std::string name : {"exact", "cg"}) {
    torch::nn::Sequential model = seeded(named("convnet"), name);
    int64_t proximal = 0;
    for (const auto& child : model->children())
      proximal += dynamic_cast<nn::ProximalLayer*>(child.get()) != nullptr;
    EXPECT_EQ(proximal, 3);
    EXPECT_NE(model->children().back()->as<torch::nn::Linear>(), nullptr);
  }
}

TEST(Model, BackpropIsMadeOfTorchsOwnLayers) {
  for (const auto& child : seeded(named("convnet"), "backprop")->children()) {
    EXPECT_EQ(dynamic_cast<nn::ProximalLayer*>(child.get()), nullptr);
  }
}

TEST(Model, ThePlanNamesEveryLayerWithItsSizes) {
  Config config;
  config.model = named("convnet");
  config.method = method("exact");
  config.train.batch_size = 50;
  const std::vector<LayerPlan> plan = plan_layers(config, 3, 32, 32, 10);
  ASSERT_EQ(plan.size(), 4u);
  EXPECT_EQ(plan[1].layer, "3");
  EXPECT_EQ(plan[1].kind, "Conv2d");
  EXPECT_EQ(plan[1].solver, "exact");
  EXPECT_EQ(plan[1].rows, 50 * 16 * 16);
  EXPECT_EQ(plan[1].columns, 16 * 25 + 1);
  EXPECT_EQ(plan[1].outputs, 20);
  EXPECT_FALSE(plan[1].reason.empty());
  EXPECT_EQ(plan[3].kind, "Linear");
  EXPECT_EQ(plan[3].route, "explicit");
}

TEST(Model, ImpossibleShapesAreNamed) {
  EXPECT_EQ(
      complaint_about({"conv 4 3", "linear 5"}),
      "model.layers[1] \"linear 5\": its input is 4 x 30 x 30; put \"flatten\" before it");
  EXPECT_EQ(
      complaint_about({"flatten", "conv 4 3"}),
      "model.layers[1] \"conv 4 3\": it needs channels x height x width, but its input is a vector of 3072 entries; "
      "put it "
      "before \"flatten\"");
  EXPECT_EQ(
      complaint_about({"max_pool 16", "conv 4 3"}),
      "model.layers[1] \"conv 4 3\": its input is 3 x 2 x 2, and with the padding (0 x 0) smaller than the kernel (3 x "
      "3, "
      "dilation 1 x 1)");
  EXPECT_EQ(
      complaint_about({"conv 4 3 groups=2"}),
      "model.layers[0] \"conv 4 3 groups=2\": groups = 2 must divide the 3 input and the 4 output channels");
  EXPECT_EQ(
      complaint_about({"conv_transpose 4 3 stride=2 output_padding=2"}),
      "model.layers[0] \"conv_transpose 4 3 stride=2 output_padding=2\": output_padding must be smaller than the "
      "stride "
      "or the dilation");
  EXPECT_EQ(
      complaint_about({"conv_transpose 4 3 padding=20"}),
      "model.layers[0] \"conv_transpose 4 3 padding=20\": its input is 3 x 32 x 32, and the padding (20 x 20) cuts all "
      "of its output away");
  EXPECT_EQ(
      complaint(named("convnet"), {1, 4, 4}),
      "convnet layer[8] \"max_pool 2\": its input is 20 x 1 x 1, and with the padding (0 x 0) smaller than the kernel "
      "(2 x "
      "2, dilation 1 x 1)");
}

TEST(Model, MistakesInTheListOfLayersAreNamed) {
  EXPECT_EQ(
      complaint_about({"conv 16 5 paddin=2"}),
      "model.layers[0] \"conv 16 5 paddin=2\": unknown option 'paddin'; conv takes stride, padding, dilation, groups, "
      "bias");
  EXPECT_EQ(complaint_about({"conv 16"}), "model.layers[0] \"conv 16\": the kernel size is missing");
  EXPECT_EQ(complaint_about({"relu 3"}), "model.layers[0] \"relu 3\": nothing was expected at '3'");
  EXPECT_EQ(
      complaint_about({"flatten", "linear 0"}),
      "model.layers[1] \"linear 0\": the number of outputs must be an integer from 1 to 1073741824, got '0'");
  EXPECT_EQ(
      complaint_about({"dropout 1.5"}),
      "model.layers[0] \"dropout 1.5\": the probability must be a number in [0, 1), got '1.5'");
  EXPECT_NE(complaint_about({"lstm 5"}).find("unknown layer 'lstm'"), std::string::npos);
  EXPECT_NE(complaint_about({""}).find("unknown layer ''"), std::string::npos);
  EXPECT_NE(complaint_about({"conv 4 3 bias=false bias=true"}).find("given twice"), std::string::npos);
  EXPECT_NE(complaint_about({"conv 4 3 bias="}).find("has no value"), std::string::npos);
  EXPECT_NE(complaint(named("resnet")).find("got 'resnet'"), std::string::npos);
}

TEST(Model, MistakesInTheMethodAreNamed) {
  const auto complaint_of = [](auto&& change) {
    MethodConfig config;
    change(config);
    return message_of<ConfigError>([&] { build_model(model_layers(named("mlp"), kCifar, 10), config); });
  };
  EXPECT_EQ(
      complaint_of([](MethodConfig& config) { config.name = "cg3"; }),
      "method.name must be backprop, exact, cg, amortized, running_gram, released-exact, released-cg, lab, foof, "
      "isaac, kfac, locoprop_s, hessian_free, sfo, mac or admm, got 'cg3'");
  EXPECT_EQ(
      complaint_of([](MethodConfig& config) { config.tau_theta = 0; }), "method.tau_theta must be positive, got 0");
  EXPECT_EQ(
      complaint_of([](MethodConfig& config) { config.cg_iterations = 0; }),
      "method.cg_iterations must be at least 1, got 0");
  EXPECT_EQ(
      complaint_of([](MethodConfig& config) { config.scaling = "max"; }),
      "method.scaling must be sum or mean, got 'max'");
}

}  // namespace
}  // namespace proxprop::train
