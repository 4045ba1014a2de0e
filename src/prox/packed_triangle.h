#pragma once
// Half of a symmetric matrix, for sending: rectangular full packed form (Gustavson, Wasniewski, Dongarra and Langou,
// ACM TOMS 2010). With n = 2k and L = [L11 0; L21 L22] the rectangle [n + 1, k] holds L11 and L21 below its diagonal,
// and the transposed L22 on and above it.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace proxprop {

/// [groups, n + 1, n / 2] for `matrix` [groups, n, n], which is read on and below the diagonal; odd n counts as n + 1.
at::Tensor pack_lower(const at::Tensor& matrix);

/// The symmetric matrix [groups, n, n] that was packed.
at::Tensor unpack_lower(const at::Tensor& packed, int64_t n);

}  // namespace proxprop
