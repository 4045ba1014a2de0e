#pragma once
// How a parameter's `.grad` becomes the proximal direction of ALL its uses in one backward pass.
//
//     parameter -> [solve] -> alias -> [use 1] -> z1 -> ..
//                                 \--> [use 2] -> z2 -> ..
//
// Every use of a layer between two steps goes through one alias of its parameters. In backward a use hands dJ/da down
// and leaves (a, g) with the session; autograd runs the solve node only after all uses that this backward pass reaches,
// and that node stacks what they left and returns V. No gradient tensor flows along the alias edges.
//
// Fully connected layers that are called with one tensor may have one session: the solve node then stands before the
// parameters of all, and runs when the uses of all are through. Where their inputs were the same tensors their outputs
// are those of one wide layer, whose Gram is made once (session_steps.h); where not, each is solved for itself.
//
// Where ranks take the steps together, what they have to send is under way while backward goes on:
//
//     parameters -> [finish] -> [solve] -> aliases -> ..
//
// The solve node then only begins the steps, and V is the finish node's: autograd runs it when nothing else is left to
// run, which is after all layers' steps have been begun. An optimizer, or a hook of DistributedDataParallel, still
// finds V where and when it looks for a gradient.

#include "autograd/transfer_function.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/options.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace proxprop::autograd {

class SessionSteps;

using StepObserver = std::function<void(const StepSummary&)>;

/// What the uses of one alias leave for its solve node, kept apart per backward pass.
class PROXPROP_API Session final : public torch::CustomClassHolder {
 public:
  /// `trained` for each layer.
  Session(
      ProximalOptions options,
      std::vector<TrainedMask> trained,
      StepObserver observer,
      std::shared_ptr<SolverState> solver_state);

  struct Use {
    std::shared_ptr<const LinearTransfer> transfer;
    at::Tensor grad_output;
    size_t layer = 0;       ///< of the session's layers
    at::Tensor input = {};  ///< as the layer was given it; undefined where the session has one layer
  };

  /// Called in backward: adds to the current backward pass.
  void leave(Use use);
  /// Called in backward by the solve node: takes what the current pass left, and ends the session for new forward
  /// passes.
  std::vector<Use> take();
  bool ended() const;

  /// Whether ranks take the steps together, so that they are begun in one node and finished in another.
  bool is_joint() const;
  /// Called in backward: by the solve node with the steps that it has begun, and by the finish node, which takes them;
  /// null where none were begun in the current pass.
  void hold(std::shared_ptr<SessionSteps> begun);
  std::shared_ptr<SessionSteps> take_begun();

  const ProximalOptions& options() const { return options_; }
  size_t layers() const { return trained_.size(); }
  const TrainedMask& trained(size_t layer) const { return trained_[layer]; }
  SolverState* solver_state() const { return solver_state_.get(); }
  void report(const StepSummary& summary) const;

 private:
  ProximalOptions options_;
  std::vector<TrainedMask> trained_;
  StepObserver observer_;
  std::shared_ptr<SolverState> solver_state_;
  /// Shared by the sessions of a communicator that a backward pass may yet reach; null for one rank alone.
  std::shared_ptr<void> pending_;
  mutable std::mutex mutex_;
  std::map<int, std::vector<Use>> uses_;                ///< by id of the backward pass
  std::map<int, std::shared_ptr<SessionSteps>> begun_;  ///< the same
  bool ended_ = false;
};

using SessionPtr = c10::intrusive_ptr<Session>;

/// Aliases of a layer's parameters for the uses of one step.
struct TrackedParameters {
  std::vector<at::Tensor> aliases;
  SessionPtr session;  ///< null where no proximal step is to be taken: no gradient needed, or solver `Gradient`
  size_t layer = 0;    ///< of the session's layers
};

/// Per layer: hands out the same aliases until a backward pass has used them or the parameters or options changed.
class PROXPROP_API ParameterTracker {
 public:
  TrackedParameters track(
      const std::vector<at::Tensor>& parameters, const ProximalOptions& options, const StepObserver& observer);
  /// For a use of one of several fully connected layers, given the parameters of all, that share a session. Not for
  /// solvers that keep something from step to step.
  TrackedParameters track(
      const std::vector<std::vector<at::Tensor>>& parameters,
      size_t layer,
      const ProximalOptions& options,
      const StepObserver& observer);
  /// What the layer's solver keeps between its steps.
  SolverState& solver_state() { return *solver_state_; }
  /// Forgets the current aliases; the next forward pass starts a session of its own.
  void reset();

 private:
  bool still_valid(const std::vector<std::vector<at::Tensor>>& parameters, const ProximalOptions& options) const;
  void begin_session(
      const std::vector<std::vector<at::Tensor>>& parameters,
      const ProximalOptions& options,
      const StepObserver& observer);

  // A parameter of the current session, its alias, and its version when the alias was made.
  struct Tracked {
    at::Tensor parameter, alias;
    int64_t version;
    bool is(const at::Tensor& other) const;
  };

  const std::shared_ptr<SolverState> solver_state_ = std::make_shared<SolverState>();
  std::mutex mutex_;
  SessionPtr session_;
  std::vector<std::vector<Tracked>> tracked_;  // of each layer
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
