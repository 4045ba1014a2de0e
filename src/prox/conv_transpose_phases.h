#pragma once
// A transposed convolution is a few ordinary ones with stride 1. In one dimension (more are products of them)
//
//     z[o, q] = b[o] + sum over c, u of w[c, o, u] a[c, p],    p = (q + pad - u dil) / s where that is a pixel,
//
// so output q sees the taps with u dil = q + pad (mod s) only. With g = gcd(s, dil) these are u = f + k s/g for one
// f < s/g, the outputs that see them are q = f dil - pad + j s, and tap k sees pixel
//
//     p = j - k dil/g:
//
// over the output positions j a convolution of the input itself, with dilation dil/g and its taps in reverse order.
// Rows of A of two such phases share no column but the bias's; no zero of an upsampled image is multiplied.

#include <proxprop/prox/transfers.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// The `count` indices first, first + step, ..
struct Progression {
  int64_t first = 0, step = 1, count = 0;
};

/// The taps that meet at some outputs, and those outputs, per spatial dimension.
struct ConvPhase {
  std::vector<Progression> taps, outputs;
  ConvGeometry convolution;     ///< its kernel is `taps` in reverse order, its output `outputs`
  std::vector<int64_t> margin;  ///< what its input has beyond the transposed one's, as constant_pad_nd takes it

  std::vector<int64_t> output_size() const;
  /// The convolution over `input` [N, C, *].
  ConvTransfer transfer(const at::Tensor& input, Trained trained) const;
  /// The same for an input of which only the sizes matter: to be asked for costs.
  ConvTransfer sized_transfer(const at::Tensor& input) const;
  /// Bytes of its input.
  double input_bytes(const at::Tensor& input) const;
};

/// Output size of the spatial dimensions; entries below 1 where padding cuts everything away.
std::vector<int64_t> transposed_output_size(at::IntArrayRef spatial_input, const ConvTransposeGeometry& geometry);

/// All phases with taps and outputs. Outputs in none of them see no pixel.
std::vector<ConvPhase> conv_phases(at::IntArrayRef spatial_input, const ConvTransposeGeometry& geometry);

/// The view of `tensor` at one progression of indices per dimension, from dimension `first` on.
at::Tensor at_progressions(at::Tensor tensor, int64_t first, const std::vector<Progression>& progressions);

}  // namespace proxprop
