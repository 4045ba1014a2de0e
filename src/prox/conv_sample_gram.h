#pragma once
// K = A A^T of a convolution's patches without the patches. A patch is the pixels under the kernel, so that
//
//     K[(n, p), (m, q)] = sum over taps u of P[(n, s p + u - pad), (m, s q + u - pad)]
//
// with the pixel Gram P[(n, y), (m, x)] = sum over channels of a[n, c, y] a[m, c, x], zero outside the image: a product
// of depth C instead of C taps, then `taps` shifted additions. With stride s only pixels of equal phase (position mod
// s) meet, and each phase has a pixel Gram of its own.

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// K without the bias, [groups, S, S] float64, S = N * output positions. CPU.
at::Tensor conv_sample_gram(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// What it takes: work, and bytes at the peak beyond K.
Work conv_sample_gram_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);
double conv_sample_gram_bytes(const at::Tensor& input);

}  // namespace proxprop
