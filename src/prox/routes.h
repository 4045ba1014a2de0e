#pragma once
// The three ways to V = (beta I + phi* phi)^-1 phi* g. `direction.cpp` chooses and checks; these compute.

#include <proxprop/prox/direction.h>

namespace proxprop {

class Ranks;
struct SavedGram;

/// What a route is asked for, with defaults resolved: beta includes the scaling, coupling is set.
struct Request {
  double beta;
  Solver solver;
  Coupling coupling;
  const Ranks& ranks;
  SavedGram* saved = nullptr;  ///< for solvers that keep something
};

/// Needs `has_sample_matrix()`.
ProximalStep sample_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request);
/// Needs `has_feature_gram()`.
ProximalStep feature_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request);
/// Always possible. `Cholesky` means: conjugate gradients until the working accuracy.
ProximalStep matrix_free_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request);

/// The power of two that brings the largest magnitude over `dims` (all dimensions when empty) to [1/2, 1); 1 for zeros.
/// Squares of tiny or huge gradients would leave the range of float32; a power of two changes nothing else.
at::Tensor power_of_two_scale(const at::Tensor& x, at::IntArrayRef dims);

}  // namespace proxprop
