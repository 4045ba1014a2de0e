#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/container/sequential.h>

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::train {

/// What happens to a step whose loss or directions are not finite (train.on_nonfinite).
enum class NonfinitePolicy {
  stop,    ///< training ends, the last checkpoint stays
  skip,    ///< the step is not taken, nothing of the batch stays
  reduce,  ///< the same, and the learning rate is halved from there on
};

/// Throws ConfigError for another name than stop, skip and reduce.
NonfinitePolicy nonfinite_policy(const std::string& name);

/// Looks at each step before the optimizer takes it. With `stop` it looks at the loss alone, which costs nothing on the
/// CPU and is left to the step log on a GPU, where the host would wait; the others also read the directions.
class NonfiniteGuard {
 public:
  NonfiniteGuard(torch::nn::Sequential model, NonfinitePolicy policy, bool on_gpu);

  /// What may change in a step that is then not taken: the buffers (batch_norm's averages).
  void before_forward();
  /// Whether the step can be taken: after backward.
  bool finite(const at::Tensor& loss) const;
  void taken() { refused_in_a_row_ = 0; }
  /// The step is not finite. Returns a sentence about it: which layer, and what is done. Throws DivergedError where the
  /// policy is to stop, where parameters are lost already, and at the 20th step in a row.
  std::string refuse(const at::Tensor& loss, const at::Tensor& input, int64_t step);

  NonfinitePolicy policy() const { return policy_; }

  /// What a checkpoint has to keep.
  struct State {
    double lr_factor = 1;  ///< on the learning rate
    int64_t refused_in_a_row = 0;
  };
  State state() const { return {lr_factor_, refused_in_a_row_}; }
  void restore(State state);

 private:
  std::string cause(const at::Tensor& input);

  torch::nn::Sequential model_;
  NonfinitePolicy policy_;
  bool on_gpu_;
  std::vector<at::Tensor> buffers_;
  double lr_factor_ = 1;
  int64_t refused_in_a_row_ = 0;
};

/// The name of the first parameter that is not finite; empty where all are.
std::string nonfinite_parameter(const torch::nn::Module& model);

}  // namespace proxprop::train
