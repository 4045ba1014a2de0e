#pragma once

#include "lab/spectrum/lanczos.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace proxprop::spectrum {

struct SpectrumOptions {
  int64_t steps = 100;  ///< Lanczos steps of each probe
  int64_t probes = 4;   ///< random starting vectors
  uint64_t seed = 0;
  std::function<void(int64_t probe)> progress;  ///< told before each probe; may be empty
};

/// An eigenvalue: one of the matrix lies within `error` of `value`.
struct Eigenvalue {
  double value = 0;
  double error = 0;
};

/// What is known of the eigenvalues of a symmetric matrix.
struct Spectrum {
  int64_t dimension = 0;
  bool exhausted = false;            ///< every probe used up its Krylov space: nothing is missing but multiplicities
  std::vector<Eigenvalue> largest;   ///< up to ten, descending, of the probe that saw the largest
  std::vector<Eigenvalue> smallest;  ///< up to ten, ascending, of the probe that saw the smallest
  /// Stochastic Lanczos quadrature: the share of eigenvalues near nodes[i] is weights[i], whose sum is 1. Ascending.
  std::vector<double> nodes, weights;

  /// Mean of the eigenvalues by the quadrature; times the dimension it estimates the trace.
  double mean() const;
  /// Share of the eigenvalues below `value`.
  double share_below(double value) const;
  /// Share of the eigenvalues below zero by more than rounding: n eps times the largest in modulus. (Ritz values lie
  /// between eigenvalues, whatever their residual: one below zero says that there are eigenvalues below zero.)
  double share_negative() const;
};

/// Extreme eigenvalues and the density of all, from Lanczos with Gaussian probes (Ubaru, Chen, Saad 2017).
Spectrum spectrum(const SymmetricOperator& h, int64_t dimension, const SpectrumOptions& options);

/// The density of eigenvalues, each node of the quadrature a Gaussian of this width (standard deviation).
struct Density {
  double width = 0;
  std::vector<double> at, value;
};

/// On `points` places from three widths below the smallest node to three above the largest.
Density density(const Spectrum& spectrum, double width, int64_t points);

}  // namespace proxprop::spectrum
