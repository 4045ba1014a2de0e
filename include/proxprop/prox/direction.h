#pragma once

#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/solver_state.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// What the Gram matrix and the solver did. Everything but `ok` means that the direction is not V to working accuracy.
/// NaN or infinity in the gradient g is not looked for: it shows in the direction. On CUDA only `ok` and `stalled` are
/// told, since the host does not wait for a factorisation.
enum class Status {
  ok,
  regularized,  ///< beta I + Gram was not numerically positive definite; a multiple of I was added
  stalled,      ///< conjugate gradients with a tolerance did not reach it
  not_finite,   ///< the Gram holds NaN or infinity; the direction is not usable
};

PROXPROP_API const char* to_string(Status status);

struct StepSummary {
  Route route = Route::gradient;
  Status status = Status::ok;
  int64_t iterations = 0;  ///< conjugate gradient iterations done; 0 for a factorisation
  double jitter = 0.0;     ///< what was added to beta, 0 where nothing was
  bool renewed = false;    ///< solvers that keep a factor or an inverse: this step made a new one
};

struct ProximalStep {
  std::vector<at::Tensor> direction;  ///< V, one tensor per parameter, in its shape and the dtype of the gradient
  StepSummary summary;
};

/// The proximal direction V = (I / tau_theta + phi* phi)^-1 phi* g (paper, Prop. 2), which takes the gradient's place.
///
/// `grad_output` is g = dJ/dz for the output z of `transfer`. With a loss that is a batch mean and `Scaling::sum` this
/// is the paper's setting. V is linear in g, also numerically: scaling g by a power of two scales V by exactly that.
/// `state` is what the solvers with `keeps_state` go on from; the others need none.
/// Throws c10::Error for invalid options, mismatched shapes, a route that the transfer cannot go, or a missing state.
PROXPROP_API ProximalStep proximal_direction(
    const LinearTransfer& transfer,
    const at::Tensor& grad_output,
    const ProximalOptions& options,
    SolverState* state = nullptr);

/// The relative residual |M V - phi* g| / |phi* g| with M = I / tau_theta + phi* phi, for a direction of any origin.
/// The adjoints are accumulated in float64; phi runs in the dtype of the transfer, which bounds what can be seen: give
/// a float64 transfer to judge a float32 direction. A diagnostic, it costs one application and two adjoints.
PROXPROP_API double relative_residual(
    const LinearTransfer& transfer,
    const at::Tensor& grad_output,
    at::TensorList direction,
    const ProximalOptions& options);

}  // namespace proxprop
