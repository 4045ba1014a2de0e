#pragma once

#include "lab/layer.h"
#include "lab/stage.h"

#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <vector>

namespace proxprop::lab {

/// The variables a and z of eq. 3. Layer l (counted from 0; the paper's l + 1) maps a[l] to z[l], the chain behind it
/// maps z[l] to a[l + 1]. a[0] is the data, z.back() the output of the network, which eq. 3 has no variable for.
struct Activations {
  std::vector<at::Tensor> a;  ///< one per layer
  std::vector<at::Tensor> z;  ///< one per layer
};

/// J of eq. 1 without its loss: layers with chains of stages between them.
///
///     Network network;
///     network.layer(linear_layer(w1, b1));
///     network.stage(activation_stage(std::make_shared<Tanh>()));
///     network.layer(linear_layer(w2, b2));
class Network {
 public:
  Network() = default;
  /// The same network as this model, sharing its parameters. Layers: Linear, Conv1d, Conv2d, Conv3d of torch::nn and of
  /// proxprop::nn (whose options of the proximal step are not looked at), and proxprop::nn::LinearMap; activations:
  /// ReLU, LeakyReLU, Sigmoid, Tanh, Identity; every other module is a stage that is treated explicitly.
  explicit Network(torch::nn::Sequential model);

  /// Appends. Throws c10::Error where a chain would have two activations.
  Network& layer(LayerPtr layer);
  Network& stage(StagePtr stage);

  int64_t layer_count() const { return static_cast<int64_t>(layers_.size()); }
  /// Layers with a z of their own in eq. 3: all but the last (paper: L - 2).
  int64_t hidden_count() const { return layer_count() - 1; }
  const Layer& layer(int64_t index) const { return *layers_.at(index); }
  /// What lies before layer `index`; chain(0) prepares the data. A chain between layers has one activation: the
  /// identity stands first where none was given.
  const std::vector<StagePtr>& chain(int64_t index) const { return chains_.at(index); }

  /// The forward pass (paper, eq. 7), not recorded by autograd.
  Activations forward(const at::Tensor& input) const;
  /// sigma: the chain before layer `index` applied to `z`, or to the data. Not recorded by autograd.
  at::Tensor run_chain(int64_t index, const at::Tensor& z) const;
  /// True where a stage draws random numbers.
  bool random() const;
  /// Throws c10::Error unless there is a layer, and nothing behind the last one.
  void check_complete() const;

  /// A copy with parameters and buffers of its own.
  Network copy(at::ScalarType dtype) const;

 private:
  std::vector<LayerPtr> layers_;
  std::vector<std::vector<StagePtr>> chains_ =
      std::vector<std::vector<StagePtr>>(1);  // one per layer, and the open one
};

}  // namespace proxprop::lab
