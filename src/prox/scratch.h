#pragma once

#include <ATen/core/Tensor.h>

namespace proxprop {

/// An uninitialised float64 CPU tensor whose memory goes back to a pool when its last user is gone, and from there to
/// the next tensor of about its size. A step makes the same large intermediates again and again; fresh pages from the
/// system cost about as much as the work done in them. The pool keeps at most `scratch_limit` bytes.
at::Tensor scratch(at::IntArrayRef sizes);

/// The same, filled with zeros.
at::Tensor zero_scratch(at::IntArrayRef sizes);

constexpr int64_t scratch_limit = int64_t(256) << 20;

}  // namespace proxprop
