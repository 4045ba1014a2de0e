#pragma once

#include <ATen/core/Tensor.h>

namespace proxprop::lab {

/// The e [N, C] with e = softmax(output - e K) - hot, for K [C, C] positive semidefinite and hot [N, C] one-hot;
/// float64. Every row by itself is the optimality of a proximal step: a_new = a - theta^T e minimises CE(theta a + b) +
/// |a - a_old|^2 / 2, where K = theta theta^T and output = theta a_old + b.
at::Tensor implicit_softmax_error(const at::Tensor& output, const at::Tensor& hot, const at::Tensor& k);

}  // namespace proxprop::lab
