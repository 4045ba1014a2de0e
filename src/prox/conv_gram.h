#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

namespace proxprop {

/// G = A^T A of the patches of a convolution, [groups, d, d] float64 with d = C / groups * prod(kernel), no bias.
/// On the CPU by lags (stride 1, at most two spatial dimensions; summed over pixels or over frequencies) or by windows,
/// whichever takes fewer operations; on other devices by products of unfolded patches.
at::Tensor conv_gram(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// Operations (multiply and add) that `conv_gram` takes.
double conv_gram_flops(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// Sum of the patches over all positions, [groups, d] float64: the Gram's column for the bias.
at::Tensor patch_sums(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// How the correlations at all lags are summed: over pixels, or over the frequencies of a Fourier transform.
enum class LagSums { direct, fourier };

/// The ways, for tests and benchmarks. `conv_gram_by_lags` needs `lags_apply`; lags and windows need the CPU.
bool lags_apply(const at::Tensor& input, const ConvGeometry& geometry);
at::Tensor conv_gram_by_lags(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums);
at::Tensor conv_gram_by_windows(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);
at::Tensor conv_gram_by_patches(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);
double conv_gram_by_lags_flops(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums);
double conv_gram_by_windows_flops(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

}  // namespace proxprop
