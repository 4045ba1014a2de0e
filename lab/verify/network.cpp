#include "lab/verify/network.h"

#include <proxprop/prox/transfers.h>

#include <torch/torch.h>

#include <cmath>

namespace proxprop::verify {
namespace {

void push_activation(torch::nn::Sequential& model, const std::string& name) {
  TORCH_CHECK(name == "tanh" || name == "relu", "activation must be tanh or relu, got ", name);
  if (name == "tanh")
    model->push_back(torch::nn::Tanh());
  else
    model->push_back(torch::nn::ReLU());
}

void initialize(torch::nn::Sequential& model, uint64_t seed) {
  model->to(torch::kDouble);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const torch::NoGradGuard no_grad;
  double bound = 0;
  for (auto& parameter : model->parameters()) {
    if (parameter.dim() > 1)  // a weight; the bias behind it has the same bound
      bound = 1 / std::sqrt(double(parameter.numel() / parameter.size(0)));
    parameter.uniform_(-bound, bound, generator);
  }
}

// What a layer with parameters saw: its transfer is made for this input.
struct Use {
  std::shared_ptr<torch::nn::Module> module;
  at::Tensor input, output;
};

LayerRecord describe(const Use& use, size_t place) {
  LayerRecord layer;
  layer.grad_output = use.output.grad();
  layer.parameters = use.module->parameters();
  const at::Tensor input = use.input;
  if (const auto* linear = use.module->as<torch::nn::Linear>()) {
    layer.name = "layer " + std::to_string(place) + " (linear)";
    layer.transfer = std::make_shared<DenseTransfer>(input, linear->options.out_features(), Trained{});
    layer.phi = [input](at::TensorList theta) { return at::linear(input, theta[0], theta[1]); };
    return layer;
  }
  const auto* conv = use.module->as<torch::nn::Conv2d>();
  TORCH_INTERNAL_ASSERT(conv != nullptr);
  const auto padding = std::get<torch::ExpandingArray<2>>(conv->options.padding());
  layer.name = "layer " + std::to_string(place) + " (conv)";
  layer.transfer = std::make_shared<ConvTransfer>(
      input,
      ConvGeometry{
          conv->options.out_channels(),
          {conv->options.kernel_size()->begin(), conv->options.kernel_size()->end()},
          {1, 1},
          {padding->begin(), padding->end()},
          {1, 1},
          1},
      Trained{});
  layer.phi = [input, padding](at::TensorList theta) {
    return at::conv2d(input, theta[0], theta[1], /*stride=*/1, *padding);
  };
  return layer;
}

at::Tensor gradients(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& parameter : parameters)
    all.push_back(parameter.grad());
  return flatten(all);
}

}  // namespace

Batch first(const Batch& batch, int64_t count) {
  TORCH_CHECK(count <= batch.images.size(0), "there are ", batch.images.size(0), " records, ", count, " are needed");
  return {batch.images.narrow(0, 0, count), batch.labels.narrow(0, 0, count)};
}

torch::nn::Sequential make_mlp(const std::string& activation, uint64_t seed) {
  torch::nn::Sequential model(torch::nn::AvgPool2d(4), torch::nn::Flatten(), torch::nn::Linear(49, 12));
  push_activation(model, activation);
  model->push_back(torch::nn::Linear(12, 10));
  push_activation(model, activation);
  model->push_back(torch::nn::Linear(10, 10));
  initialize(model, seed);
  return model;
}

torch::nn::Sequential make_convnet(const std::string& activation, uint64_t seed) {
  torch::nn::Sequential model(
      torch::nn::AvgPool2d(4), torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 4, 3).padding(1)));
  push_activation(model, activation);
  model->push_back(torch::nn::MaxPool2d(2));
  model->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(4, 5, 3).padding(1)));
  push_activation(model, activation);
  model->push_back(torch::nn::Flatten());
  model->push_back(torch::nn::Linear(45, 10));
  initialize(model, seed);
  return model;
}

at::Tensor loss(torch::nn::Sequential& model, const Batch& batch) {
  return at::cross_entropy_loss(model->forward(batch.images), batch.labels);
}

void train(torch::nn::Sequential& model, const Batch& batch, int64_t steps) {
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-2));
  for (int64_t step = 0; step < steps; ++step) {
    optimizer.zero_grad();
    loss(model, batch).backward();
    optimizer.step();
  }
}

NetworkRecord record(torch::nn::Sequential& model, const Batch& batch) {
  model->zero_grad();
  std::vector<Use> uses;
  at::Tensor value = batch.images;
  for (auto& module : *model) {
    const at::Tensor input = value;
    value = module.forward(input);
    if (module.ptr()->parameters().empty())
      continue;
    value.retain_grad();
    uses.push_back({module.ptr(), input.detach(), value});
  }
  const at::Tensor total = at::cross_entropy_loss(value, batch.labels);
  total.backward();

  NetworkRecord result;
  result.loss = total.item<double>();
  result.explicit_parameters = uses.back().module->parameters();
  result.explicit_gradient = gradients(result.explicit_parameters);
  uses.pop_back();
  for (const Use& use : uses) {
    result.layers.push_back(describe(use, result.layers.size() + 1));
    result.layers.back().gradient = gradients(result.layers.back().parameters);
  }
  return result;
}

at::Tensor flatten(at::TensorList tensors) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : tensors)
    flat.push_back(tensor.detach().reshape({-1}));
  return at::cat(flat);
}

void move(const std::vector<at::Tensor>& parameters, const at::Tensor& direction, double step) {
  const torch::NoGradGuard no_grad;
  int64_t begin = 0;
  for (at::Tensor parameter : parameters) {
    parameter.add_(direction.narrow(0, begin, parameter.numel()).view(parameter.sizes()), step);
    begin += parameter.numel();
  }
}

}  // namespace proxprop::verify
