#pragma once
// A feature Gram for sending: each of its numbers once.
//
// Half of a symmetric matrix is in rectangular full packed form (Gustavson, Wasniewski, Dongarra and Langou, ACM TOMS
// 2010). With n = 2k and L = [L11 0; L21 L22] the rectangle [n + 1, k] holds L11 and L21 below its diagonal, and the
// transposed L22 on and above it.
//
// The Gram of a convolution repeats itself: the block of a pair of taps (u, v), for all pairs of channels, depends on
// the lag v - u, and on the border pixels that the one or the other does not see. Of 81 blocks of a 3x3 convolution
// that keeps the image's size 49 differ; with the halves, 24.5 blocks are sent in place of 40.5.

#include <proxprop/prox/linear_transfer.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace proxprop {

/// [groups, n + 1, n / 2] for `matrix` [groups, n, n], which is read on and below the diagonal; odd n counts as n + 1.
at::Tensor pack_lower(const at::Tensor& matrix);

/// The symmetric matrix [groups, n, n] that was packed.
at::Tensor unpack_lower(const at::Tensor& packed, int64_t n);

class PackedGram {
 public:
  /// `repeats` as `LinearTransfer::feature_gram_repeats` says.
  PackedGram(const Dimensions& dimensions, std::vector<int64_t> repeats);

  /// How many there are, in float64.
  int64_t numbers() const;
  /// Writes those of `gram` [groups, d, d] to `message` [numbers].
  void pack(const at::Tensor& gram, const at::Tensor& message) const;
  /// The Gram [groups, d, d].
  at::Tensor unpack(const at::Tensor& message) const;

 private:
  using Taps = std::pair<int64_t, int64_t>;

  /// Parts of a message: blocks of pairs of different taps [n, groups, C, C], halves of those of one tap
  /// [n * groups, .., ..], columns of the bias [groups, d].
  struct Parts {
    at::Tensor pairs, halves, bias;
  };
  Parts split(const at::Tensor& message) const;
  bool has_bias() const { return taps_ * channels_ < columns_; }

  int64_t groups_, columns_;
  std::vector<int64_t> repeats_;
  int64_t taps_ = 1, channels_;
  std::vector<Taps> pairs_;     ///< u < v that are sent
  std::vector<int64_t> equal_;  ///< u that are sent with v = u
};

}  // namespace proxprop
