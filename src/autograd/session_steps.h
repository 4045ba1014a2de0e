#pragma once
// The steps of a session's layers in one backward pass, from what their uses left.

#include "autograd/parameter_tracker.h"

#include "prox/joint_steps.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace proxprop::autograd {

/// One step for all uses of a layer, and for all layers whose uses had the same inputs.
class SessionSteps {
 public:
  /// Begins them among `steps`.
  SessionSteps(const Session& session, std::vector<Session::Use> uses, std::shared_ptr<JointSteps> steps);

  /// For each layer of the session V of its trained parameters, in their order; none for a layer without a use. Reports
  /// what the solver did. Once.
  std::vector<std::vector<at::Tensor>> finish(const Session& session);

 private:
  struct Step {
    size_t number;                 ///< among the joint ones
    std::vector<size_t> layers;    ///< whose outputs, side by side, it is for
    std::vector<int64_t> outputs;  ///< of each, where there are several
  };

  size_t begin(const Session& session, std::vector<Session::Use> uses);

  std::shared_ptr<JointSteps> joint_;
  std::vector<Step> steps_;
};

}  // namespace proxprop::autograd
