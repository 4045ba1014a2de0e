#pragma once

#include "lab/stage.h"

#include <functional>
#include <vector>

namespace proxprop::lab {

/// One pass through the chain between two layers, and the way back. The forward pass is made once: a stage may draw
/// random numbers or update buffers.
class ChainPass {
 public:
  ChainPass(const std::vector<StagePtr>& chain, const at::Tensor& input);
  const at::Tensor& output() const { return output_; }

  /// The displacement of the activation's input from that of its output.
  using ActivationStep =
      std::function<at::Tensor(const Activation& activation, const at::Tensor& z, const at::Tensor& displacement)>;

  /// The displacement of the chain's input from that of its output. The activation goes by `step`, every other stage by
  /// the adjoint of its derivative, which is an explicit step of size one.
  at::Tensor back(const at::Tensor& displacement, const ActivationStep& step);

  /// The gradients of E with respect to the stages' parameters, known after `back`: adjoints of the displacement at the
  /// stage's output, times `gamma` behind the activation, where it is one of a, and times `1 / tau` before it, where it
  /// is one of z.
  std::vector<at::Tensor> parameter_gradients(double gamma, double tau) const;

 private:
  struct Link {
    StagePtr stage;
    at::Tensor input, output;          // recorded by autograd where the stage is not the activation
    std::vector<at::Tensor> adjoints;  // per parameter
    bool behind_activation = false;
  };

  std::vector<Link> links_;
  at::Tensor output_;
};

}  // namespace proxprop::lab
