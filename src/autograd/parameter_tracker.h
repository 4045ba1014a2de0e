#pragma once
// How a parameter's `.grad` becomes the proximal direction of ALL its uses in one backward pass.
//
//     parameter -> [solve] -> alias -> [use 1] -> z1 -> ..
//                                 \--> [use 2] -> z2 -> ..
//
// Every use of a layer between two steps goes through one alias of its parameters. In backward a use hands dJ/da down
// and leaves (a, g) with the session; autograd runs the solve node only after all uses that this backward pass reaches,
// and that node stacks what they left and returns V. No gradient tensor flows along the alias edges.

#include "autograd/transfer_function.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/options.h>

#include <functional>
#include <map>
#include <mutex>

namespace proxprop::autograd {

using StepObserver = std::function<void(const StepSummary&)>;

/// What the uses of one alias leave for its solve node, kept apart per backward pass.
class PROXPROP_API Session final : public torch::CustomClassHolder {
 public:
  Session(
      ProximalOptions options, TrainedMask trained, StepObserver observer, std::shared_ptr<SolverState> solver_state);

  struct Use {
    std::shared_ptr<const LinearTransfer> transfer;
    at::Tensor grad_output;
  };

  /// Called in backward: adds to the current backward pass.
  void leave(Use use);
  /// Called in backward by the solve node: takes what the current pass left, and ends the session for new forward
  /// passes.
  std::vector<Use> take();
  bool ended() const;

  const ProximalOptions& options() const { return options_; }
  const TrainedMask& trained() const { return trained_; }
  SolverState* solver_state() const { return solver_state_.get(); }
  void report(const StepSummary& summary) const;

 private:
  ProximalOptions options_;
  TrainedMask trained_;
  StepObserver observer_;
  std::shared_ptr<SolverState> solver_state_;
  mutable std::mutex mutex_;
  std::map<int, std::vector<Use>> uses_;  ///< by id of the backward pass
  bool ended_ = false;
};

using SessionPtr = c10::intrusive_ptr<Session>;

/// Aliases of a layer's parameters for the uses of one step.
struct TrackedParameters {
  std::vector<at::Tensor> aliases;
  SessionPtr session;  ///< null where no proximal step is to be taken: no gradient needed, or solver `Gradient`
};

/// Per layer: hands out the same aliases until a backward pass has used them or the parameters or options changed.
class PROXPROP_API ParameterTracker {
 public:
  TrackedParameters track(
      const std::vector<at::Tensor>& parameters, const ProximalOptions& options, const StepObserver& observer);
  /// What the layer's solver keeps between its steps.
  SolverState& solver_state() { return *solver_state_; }
  /// Forgets the current aliases; the next forward pass starts a session of its own.
  void reset();

 private:
  bool still_valid(const std::vector<at::Tensor>& parameters, const ProximalOptions& options) const;

  const std::shared_ptr<SolverState> solver_state_ = std::make_shared<SolverState>();
  std::mutex mutex_;
  TrackedParameters current_;
  std::vector<at::Tensor> parameters_;
  std::vector<int64_t> versions_;
};

/// Called in backward: throws where the caller wants to differentiate V.
PROXPROP_API void refuse_create_graph();

/// dJ/da in the dtype of `grad_output`: under autocast the forward pass, and so g, is narrower than the parameters.
PROXPROP_API at::Tensor input_gradient(
    const TransferFunction& function,
    const at::Tensor& grad_output,
    const at::Tensor& input,
    at::TensorList parameters);

/// One use of a layer: phi(theta, a) with the backward described above.
PROXPROP_API at::Tensor apply_transfer(
    const TransferFunctionPtr& function, const at::Tensor& input, const TrackedParameters& parameters);

}  // namespace proxprop::autograd
