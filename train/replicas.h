#pragma once

#include <proxprop/prox/communicator.h>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace proxprop::train {

struct ModelLayer;

/// The ranks that train one model together, each on its share of every batch, and this process's place among them. For
/// a process alone (no communicator, or one of size 1) everything here is the identity.
class Replicas {
 public:
  explicit Replicas(std::shared_ptr<Communicator> communicator);

  bool alone() const { return communicator_ == nullptr; }
  int64_t rank() const { return alone() ? 0 : communicator_->rank(); }
  int64_t size() const { return alone() ? 1 : communicator_->size(); }
  int64_t bytes_sent() const { return alone() ? 0 : communicator_->bytes_sent(); }

  /// This rank's part of [0, count): contiguous, all parts of one size but for one element.
  std::pair<int64_t, int64_t> share(int64_t count) const;
  /// What the mean over this rank's share of `count` samples counts in the mean over the ranks, which is then the mean
  /// over all samples.
  double weight(int64_t count) const;

  /// Throws ConfigError for a model that ranks together would train differently from one alone: batch normalization and
  /// dropout work on the batch of one rank.
  void check_model(const std::vector<ModelLayer>& layers) const;
  /// Makes the proximal layers take their steps together, and checks that all ranks start from the same parameters.
  void join(torch::nn::Module& model);

  /// After backward: the gradients of explicit parameters, and `loss`, become means over the ranks. Returns whether any
  /// rank wants to stop.
  bool synchronize(at::Tensor& loss, bool stop) const;
  /// Sums a small float64 tensor over the ranks.
  void sum(at::Tensor& values) const;

  /// Bytes per step of plain data parallel training: a sum of all gradients.
  double gradient_bytes() const { return gradient_bytes_; }

 private:
  std::shared_ptr<Communicator> communicator_;
  std::vector<at::Tensor> explicit_parameters_;
  double gradient_bytes_ = 0;
};

}  // namespace proxprop::train
