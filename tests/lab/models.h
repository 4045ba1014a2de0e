#pragma once
// Small networks for the tests of the lab: one of torch::nn, and its twin with proximal layers and the same parameters.

#include "lab/sweep.h"

#include <proxprop/proxprop.h>

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

namespace proxprop::lab::testing {

struct Model {
  std::string name;
  std::function<torch::nn::Sequential()> plain;
  Batch batch;
};

template <class... Modules>
torch::nn::Sequential sequential(Modules... modules) {
  torch::manual_seed(11);  // parameters are drawn when the modules are made, which is before this call
  torch::nn::Sequential model(modules...);
  for (at::Tensor& parameter : model->parameters())
    parameter.set_data(0.4 * torch::randn(parameter.sizes(), torch::kDouble));
  for (at::Tensor& buffer : model->buffers()) {
    if (buffer.is_floating_point())
      buffer.set_data(buffer.to(torch::kDouble));
  }
  return model;
}

inline Batch classification(std::vector<int64_t> size, int64_t classes) {
  torch::manual_seed(13);
  return {torch::randn(size, torch::kDouble), torch::randint(classes, {size[0]}, torch::kLong)};
}

inline Model mlp() {
  namespace nn = torch::nn;
  return {
      "mlp",
      [] {
        return sequential(
            nn::Flatten(), nn::Linear(12, 9), nn::Tanh(), nn::Linear(9, 7), nn::Sigmoid(), nn::Linear(7, 8),
            nn::LeakyReLU(), nn::Linear(8, 4));
      },
      classification({6, 3, 2, 2}, 4)};
}

inline Model convnet() {
  namespace nn = torch::nn;
  return {
      "convnet",
      [] {
        return sequential(
            nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(1)), nn::ReLU(), nn::MaxPool2d(2),
            nn::Conv2d(nn::Conv2dOptions(4, 5, 3).padding(1)), nn::Tanh(), nn::AvgPool2d(2), nn::Flatten(),
            nn::Linear(20, 4));
      },
      classification({5, 2, 8, 8}, 4)};
}

/// Everything else that may stand in a model.
inline std::vector<Model> others() {
  namespace nn = torch::nn;
  const auto padded = [](auto mode) { return nn::Conv2dOptions(2, 3, 3).padding(1).padding_mode(mode); };
  return {
      {"batch norm before and behind activations",
       [] {
         return sequential(
             nn::BatchNorm1d(6), nn::Linear(6, 8), nn::BatchNorm1d(8), nn::Tanh(), nn::Linear(8, 5), nn::Sigmoid(),
             nn::BatchNorm1d(5), nn::Linear(5, 3));
       },
       classification({7, 6}, 3)},
      {"no activation between layers",
       [] { return sequential(nn::Linear(6, 5), nn::Linear(nn::LinearOptions(5, 4).bias(false)), nn::Linear(4, 3)); },
       classification({7, 6}, 3)},
      {"one layer", [] { return sequential(nn::BatchNorm1d(6), nn::Linear(6, 3)); }, classification({7, 6}, 3)},
      {"padding modes",
       [padded] {
         return sequential(
             nn::Conv2d(padded(torch::kReflect)), nn::Tanh(),
             nn::Conv2d(nn::Conv2dOptions(3, 2, 2).padding(torch::kSame).dilation(1)), nn::Tanh(),
             nn::Conv2d(nn::Conv2dOptions(2, 2, 3).padding(1).padding_mode(torch::kCircular).stride(2)), nn::Sigmoid(),
             nn::Flatten(), nn::Linear(18, 3));
       },
       classification({3, 2, 5, 5}, 3)},
      {"conv1d and conv3d",
       [] {
         return sequential(
             nn::Conv3d(nn::Conv3dOptions(1, 2, 2)), nn::Tanh(), nn::Flatten(nn::FlattenOptions().start_dim(2)),
             nn::Conv1d(2, 3, 5), nn::Tanh(), nn::Flatten(), nn::Linear(42, 3));
       },
       classification({2, 1, 4, 4, 3}, 3)},
  };
}

}  // namespace proxprop::lab::testing
