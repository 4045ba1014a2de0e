#pragma once
// The steps of a network's layers in one backward pass. Each is begun when backward reaches its layer; what the layer's
// rank has to tell the others is then on its way, and backward goes on. After the last layer the steps are finished:
//
//     begin      of every layer, on every rank    own Gram and gradient; their sums are started, to the layer's owner
//     solve      of every layer in that order     the owner waits for its sum, factorises, solves; V is sent to all
//     finish     of every layer                   waits for V
//
// A rank goes through the layers without waiting but for sums it owns, so that owners work at the same time.
// Collectives are started in the order in which the layers were begun, which must be the same on all ranks; in which
// order the steps are finished does not matter.

#include "prox/begun_step.h"

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/direction.h>
#include <proxprop/prox/plan.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace proxprop {

class JointSteps {
 public:
  /// Of `layers` layers, as far as is known, for the ranks of `communicator`; null: one rank alone.
  explicit JointSteps(std::shared_ptr<Communicator> communicator, int64_t layers = 1);

  /// Begins a step, as `proximal_direction` takes it, and gives its number. `options` name this communicator.
  size_t begin(
      std::shared_ptr<const LinearTransfer> transfer,
      const at::Tensor& grad_output,
      const ProximalOptions& options,
      SolverState* state);

  /// The step of that number, once. The first call solves all steps that have been begun.
  ProximalStep finish(size_t number);

 private:
  struct Entry {
    BegunStepPtr step;
    double factor = 1;  ///< of the direction
  };

  std::shared_ptr<Communicator> communicator_;
  int64_t layers_;
  Owners owners_;
  std::vector<Entry> steps_;
  size_t solved_ = 0;
};

}  // namespace proxprop
