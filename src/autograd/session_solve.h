#pragma once
// The directions of a session's layers from what one backward pass left.

#include "autograd/parameter_tracker.h"

#include <vector>

namespace proxprop::autograd {

/// For each layer of the session V of its trained parameters, in their order; none for a layer without a use. One solve
/// for all uses of a layer, and for all layers whose uses had the same inputs.
std::vector<std::vector<at::Tensor>> session_directions(const Session& session, std::vector<Session::Use> uses);

}  // namespace proxprop::autograd
