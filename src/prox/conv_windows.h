#pragma once
// What the kernel of a convolution sees at one output position, as runs of packed elements.

#include <proxprop/prox/transfers.h>

#include "prox/image_correlation.h"

namespace proxprop {

/// The input with its zero padding; positions are those of the output.
Signal window_signal(const at::Tensor& input, const ConvGeometry& geometry);

/// The window in the order (tap z, tap y, tap x, channel): one run per kernel row, or per tap where taps along x are
/// not neighbours.
std::vector<Run> window_runs(const Signal& signal, const ConvGeometry& geometry);

}  // namespace proxprop
