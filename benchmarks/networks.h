#pragma once
// The networks of the benchmarks, once from proximal layers and once from torch::nn's own.

#include "benchmarks/measure.h"

#include <proxprop/prox/options.h>
#include <proxprop/prox/transfers.h>

#include <torch/nn.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace proxprop::benchmarks {

using Function = std::function<at::Tensor(const at::Tensor&)>;

/// Makes layers and keeps what measuring them needs.
class LayerMaker {
 public:
  /// Without options the layers are torch::nn's.
  explicit LayerMaker(std::optional<ProximalOptions> step) : step_(std::move(step)) {}

  Function linear(int64_t in, int64_t out);
  Function conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding, bool bias);
  /// Explicit in every method: the output layer, normalisation.
  Function plain_linear(int64_t in, int64_t out);
  Function batch_norm(int64_t channels);

  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  /// The largest relative residual |M V - b| / |b| over the proximal layers after forward and backward of `step`.
  double residual(const std::function<void()>& step);
  /// The routes taken, e.g. "sample Gram", each named once; known after a step.
  std::string routes() const;

 private:
  struct Probe {
    std::function<std::shared_ptr<LinearTransfer>(const at::Tensor& input)> transfer;
    std::function<std::string(const at::Tensor& input)> route;
    std::vector<at::Tensor> parameters;
    at::Tensor input, output;
    std::string taken;
  };

  template <typename Layer>
  Function watched(Layer layer, std::function<std::shared_ptr<LinearTransfer>(const at::Tensor&)> transfer);
  void keep(const torch::nn::Module& module);

  std::optional<ProximalOptions> step_;
  std::vector<at::Tensor> parameters_;
  std::vector<std::shared_ptr<Probe>> probes_;
  bool probing_ = false;
};

/// 3072-4000-1000-4000-10 with ReLU (the paper's MLP); input [N, 3, 32, 32].
Function mlp(LayerMaker& make);
/// 16, 20 and 20 channels, 5x5, padding 2, ReLU, 2x2 max pooling, linear output (the paper's ConvNet).
Function convnet(LayerMaker& make);
/// ResNet-18 in its form for 32x32 images: 3x3 stem without pooling, four stages of two basic blocks.
Function resnet18(LayerMaker& make);

/// Forward, softmax cross-entropy and backward of `network` on random batches [batch, 3, 32, 32], a few of them in turn.
Contender training_step(
    const std::string& method,
    std::optional<ProximalOptions> step,
    const std::function<Function(LayerMaker&)>& network,
    int64_t batch);

}  // namespace proxprop::benchmarks
