#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace proxprop {

/// The lags at which images are correlated with themselves: multiples of `dilation` up to kernel - 1 of them to both
/// sides, in each of the two spatial dimensions.
struct LagGrid {
  std::array<int64_t, 2> kernel;
  std::array<int64_t, 2> dilation;
};

/// Correlations of images [N, C, H, W] with themselves by discrete Fourier transforms, for every group of channels:
///
///     R[dy][dx][group][c][c'] = sum over images and pixels p of x[c, p] x[c', p + (dy, dx) * dilation],
///
/// float64, [2 ky - 1, 2 kx - 1, groups, C / groups, C / groups], stored with an offset of (ky - 1, kx - 1).
/// Transforms and products over at most 128 images are in the images' type, what follows is float64. CPU.
at::Tensor fourier_lags(const at::Tensor& images, const LagGrid& lags, int64_t groups);

/// Operations that this takes, weighted so that they compare with those of register tiles at full rate; infinity where
/// the products of all frequencies would take more than 128 MiB.
double fourier_lags_flops(const at::Tensor& images, const LagGrid& lags, int64_t groups);

/// Bytes that it holds at its peak beside the result: spectra and their products.
double fourier_lags_bytes(const at::Tensor& images, const LagGrid& lags, int64_t groups);

}  // namespace proxprop
