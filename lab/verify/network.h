#pragma once

#include <proxprop/prox/linear_transfer.h>

#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace proxprop::verify {

/// Real records: images [N, 1, 28, 28] in float64, labels [N] int64.
struct Batch {
  at::Tensor images;
  at::Tensor labels;
};

/// The first `count` records.
Batch first(const Batch& batch, int64_t count);

/// A small network of plain torch::nn layers in float64, with parameters uniform in [-1/sqrt(n), 1/sqrt(n)] (paper,
/// section 5.1). It pools the images to 7 x 7 pixels first, so that its matrices can be written down. The last layer is
/// the explicit output layer of eq. 12.
///
///     mlp      49 - 12 - 10 - 10
///     convnet  conv 4 3 padding=1, max_pool 2, conv 5 3 padding=1, 45 - 10
torch::nn::Sequential make_mlp(const std::string& activation, uint64_t seed);
torch::nn::Sequential make_convnet(const std::string& activation, uint64_t seed);

/// The mean cross-entropy J(theta; X, y).
at::Tensor loss(torch::nn::Sequential& model, const Batch& batch);

/// How long "trained" weights are trained.
constexpr int64_t training_records = 500;
constexpr int64_t training_steps = 100;

/// Adam steps on the whole batch by plain backpropagation.
void train(torch::nn::Sequential& model, const Batch& batch, int64_t steps);

/// One layer at one point: what its proximal step is made of, and its transfer by torch's own function.
struct LayerRecord {
  std::string name;
  std::shared_ptr<const LinearTransfer> transfer;  ///< given to what is under test
  std::function<at::Tensor(at::TensorList)> phi;   ///< the same map by at::linear or at::conv2d: the judge's
  std::vector<at::Tensor> parameters;              ///< the model's own weight and bias
  at::Tensor grad_output;                          ///< g = dJ/dz
  at::Tensor gradient;                             ///< dJ/dtheta by autograd, weight and bias flattened and joined
};

/// A network at one point.
struct NetworkRecord {
  double loss = 0;
  std::vector<LayerRecord> layers;                ///< all but the output layer
  std::vector<at::Tensor> explicit_parameters;    ///< of the output layer
  at::Tensor explicit_gradient;                   ///< its dJ/dtheta, flattened and joined
};

/// One forward and one backward pass of plain autograd.
NetworkRecord record(torch::nn::Sequential& model, const Batch& batch);

/// Tensors flattened and joined into one vector.
at::Tensor flatten(at::TensorList tensors);

/// parameters += step * direction, the direction flattened and joined as by `flatten`.
void move(const std::vector<at::Tensor>& parameters, const at::Tensor& direction, double step);

}  // namespace proxprop::verify
