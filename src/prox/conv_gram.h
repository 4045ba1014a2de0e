#pragma once

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// Fills `gram` ([groups, d, d] float64 whose rows may lie apart, d = C / groups * prod(kernel)) with G = A^T A of the
/// patches of a convolution, without a bias. On the CPU by lags (stride 1, at most two spatial dimensions; summed over
/// pixels or over frequencies) or by windows, whichever takes fewer operations; on other devices by products of
/// unfolded patches.
void conv_gram(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram);

/// What `conv_gram` takes: work, and bytes at the peak beyond the Gram.
Work conv_gram_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);
double conv_gram_bytes(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// Sum of the patches over all positions, [groups, d] float64: the Gram's column for the bias.
at::Tensor patch_sums(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);

/// Which pairs of taps sum over the same pixels, as `LinearTransfer::feature_gram_repeats` says; empty where none
/// repeats another.
std::vector<int64_t> gram_repeats(
    const ConvGeometry& geometry, at::IntArrayRef input_size, at::IntArrayRef output_size);

/// How the correlations at all lags are summed: over pixels, or over the frequencies of a Fourier transform.
enum class LagSums { direct, fourier };

/// The ways, for tests and benchmarks. `conv_gram_by_lags` needs `lags_apply`; lags and windows need the CPU.
bool lags_apply(const at::Tensor& input, const ConvGeometry& geometry);
void conv_gram_by_lags(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums, const at::Tensor& gram);
void conv_gram_by_windows(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram);
void conv_gram_by_patches(
    const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size, const at::Tensor& gram);
Work conv_gram_by_lags_work(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums);
Work conv_gram_by_windows_work(const at::Tensor& input, const ConvGeometry& geometry, at::IntArrayRef output_size);
double conv_gram_by_lags_bytes(const at::Tensor& input, const ConvGeometry& geometry, LagSums lag_sums);
double conv_gram_by_windows_bytes(const at::Tensor& input, const ConvGeometry& geometry);

}  // namespace proxprop
