#pragma once

#include <proxprop/prox/direction.h>
#include <proxprop/prox/export.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/plan.h>

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

namespace proxprop {
namespace autograd {
class ParameterTracker;
class TransferFunction;
}  // namespace autograd

namespace nn {

/// What every proximal layer has beside its torch::nn::Module face: the options of its step, and a way to watch it.
///
/// In backward the layer hands dJ/da with the current parameters to the layer below (paper, Algorithm 2), and the
/// proximal direction V, in place of the gradient, to the `.grad` of its parameters. A layer used several times before
/// one backward pass takes ONE step for all its uses: their samples are stacked (summing the directions of single uses
/// would not be a proximal step). Uses whose backward passes run separately take separate steps, which autograd adds
/// up; so do uses on both sides of a backward pass through the layer, or of a change of its options or observer. V
/// itself is not differentiable: backward with create_graph=true throws.
class PROXPROP_API ProximalLayer {
 public:
  ProximalLayer();
  virtual ~ProximalLayer();
  /// A copy has the observer and what the solver keeps, and no backward pass in flight.
  ProximalLayer(const ProximalLayer& other);
  ProximalLayer& operator=(const ProximalLayer& other);

  /// The step that the layer's `options` ask for now, its kind's defaults filled in. They may be changed between steps,
  /// here or in `options`; the next forward pass uses the new ones. Throw c10::Error for invalid values.
  virtual ProximalOptions proximal_options() const = 0;
  virtual void set_proximal_options(const ProximalOptions& step) = 0;
  void set_tau_theta(double tau_theta);

  /// What a solver that keeps something between steps (see `keeps_state`) has to find again when training goes on from
  /// a checkpoint; empty for the others and before the first step. See SolverState.
  std::vector<at::Tensor> solver_state() const;
  void load_solver_state(const std::vector<at::Tensor>& tensors);

  /// Called after each proximal step of this layer, on the thread that runs backward.
  using StepObserver = std::function<void(const StepSummary&)>;
  void set_step_observer(StepObserver observer);

  /// The route that the planner would take for this input, and why. Sizes and cost only; nothing is computed.
  virtual Plan plan(const at::Tensor& input) const = 0;

 protected:
  /// One use of the layer: phi(parameters, input), recorded for the proximal step in backward.
  at::Tensor run(
      const c10::intrusive_ptr<autograd::TransferFunction>& function,
      const at::Tensor& input,
      const std::vector<at::Tensor>& parameters);

 private:
  StepObserver observer_;
  std::shared_ptr<autograd::ParameterTracker> tracker_;
};

}  // namespace nn
}  // namespace proxprop
