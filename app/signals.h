#pragma once

#include <atomic>

namespace proxprop::app {

/// From now on the first SIGINT or SIGTERM sets the returned flag; a second one ends the process at once, as it would
/// have without a handler.
const std::atomic<bool>& stop_on_signals();

}  // namespace proxprop::app
