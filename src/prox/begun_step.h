#pragma once
// A step between its beginning and its end. What a route has to wait for is under way in between, while backward goes
// on with the layers below.

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/direction.h>

#include <memory>

namespace proxprop {

class Ranks;

class BegunStep {
 public:
  virtual ~BegunStep() = default;

  /// Lets go of what was sent, when it has been. Called some steps later, so as not to hold all layers' messages.
  virtual void settle() {}
  /// What one rank does for all, if one does. It starts a collective: all ranks call it for the same steps in the same
  /// order, once, before `finish`.
  virtual void solve() {}
  /// Waits for what the others send.
  virtual ProximalStep finish() = 0;
};

using BegunStepPtr = std::unique_ptr<BegunStep>;

/// A step that is done.
BegunStepPtr done(ProximalStep step);

/// A step whose direction is summed over the ranks. Starts the sum.
BegunStepPtr summed(ProximalStep step, const Ranks& ranks);

}  // namespace proxprop
