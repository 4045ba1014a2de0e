#pragma once

namespace proxprop::app {

/// Called in a catch block: prints the one line "proxprop: error: ..." about the exception in flight, and returns the
/// exit code that belongs to it.
int report_current_exception();

}  // namespace proxprop::app
