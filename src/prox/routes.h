#pragma once
// The three ways to V = (beta I + phi* phi)^-1 phi* g. `direction.cpp` chooses and checks; these compute.

#include "prox/begun_step.h"

#include <proxprop/prox/direction.h>

#include <cstdint>
#include <memory>

namespace proxprop {

class Ranks;
struct SavedGram;

/// What a route is asked for, with defaults resolved: beta includes the scaling, coupling is set.
struct Request {
  double beta;
  Solver solver;
  Coupling coupling;
  const Ranks& ranks;
  int64_t owner = 0;           ///< the rank that solves for all, where one does
  SavedGram* saved = nullptr;  ///< for solvers that keep something
};

/// Needs `has_sample_matrix()`. The direction is the part that this rank's rows have in it, to be summed over the
/// ranks.
ProximalStep sample_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request);
/// Needs `has_feature_gram()`.
BegunStepPtr feature_route(
    std::shared_ptr<const LinearTransfer> transfer, const at::Tensor& grad_output, const Request& request);
/// Always possible. `Cholesky` means: conjugate gradients until the working accuracy.
ProximalStep matrix_free_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request);

/// Throws c10::Error where `grad_output` is not the gradient of an output of `transfer`.
void check_output(const LinearTransfer& transfer, const at::Tensor& grad_output);

/// The power of two that brings the largest magnitude over `dims` (all dimensions when empty) to [1/2, 1); 1 for zeros.
/// Over all of a tensor without elements, which a rank without rows may have, as large as there is.
/// Squares of tiny or huge gradients would leave the range of float32; a power of two changes nothing else.
at::Tensor power_of_two_scale(const at::Tensor& x, at::IntArrayRef dims);

}  // namespace proxprop
