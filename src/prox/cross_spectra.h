#pragma once

#include "prox/dense_product.h"
#include "prox/image_transform.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// The cross-spectral matrices of the channels of a batch of images: for every frequency and group of channels the
/// Hermitian matrix
///
///     S[c, c'] = sum over images of X[c] conj(X[c']),  X the transform of the images.
///
/// A mean of the images would dominate these sums and their rounding errors: it is taken out, and comes back as a
/// product of its own in float64,
///
///     sum of X X'* = sum of (X - mean) (X' - mean')* + images mean mean'*.
template <typename T>
class CrossSpectra {
 public:
  /// Keeps memory for batches of up to `largest_batch` images.
  CrossSpectra(const PeriodicAxis& y, const PeriodicAxis& x, int64_t channels, int64_t groups, int64_t largest_batch);

  /// Replaces what was there by the matrices of these images [N, C, y, x]. Sums over images are in their type.
  void compute(const at::Tensor& images);

  /// Those with an imaginary part come first.
  const std::vector<Frequency>& frequencies() const { return frequencies_; }

  enum class Component { real, imaginary };
  /// Frequencies at which S has this component.
  int64_t count(Component component) const;
  /// to[k * (c + 1) + d] = the component of S[c, d] at frequency k, for d <= c (channels of the group) and
  /// k < count(component).
  void row(Component component, int64_t group, int64_t c, double* to) const;

 private:
  // Of type T, from the pool of scratch memory.
  class Workspace {
   public:
    explicit Workspace(int64_t count);
    T* data() const { return static_cast<T*>(storage_.mutable_data_ptr()); }

   private:
    at::Tensor storage_;
  };

  double* means(int64_t frequency, Component component, int64_t group) const;
  Operand<T> centred(int64_t frequency, Component component, int64_t group);

  ImageTransform<T> transform_;
  std::vector<Frequency> frequencies_;
  int64_t all_channels_, groups_, channels_;  // of all groups; of one
  int64_t images_ = 0;
  Workspace spectra_;           // [part][c][n]
  at::Tensor means_;            // [frequency][real, imaginary][c], float64
  Workspace real_, imaginary_;  // [frequency][group][c][c'], on and below the diagonal
};

}  // namespace proxprop
