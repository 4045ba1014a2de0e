#pragma once

namespace proxprop::app {

/// Columns of the terminal that standard output is, or `otherwise` where it is none.
int stdout_width(int otherwise);

}  // namespace proxprop::app
