#include <proxprop/prox/direction.h>

#include <proxprop/prox/plan.h>

#include "prox/precise_math.h"
#include "prox/routes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace proxprop {

namespace {

// Joint or per output, where the caller did not say: joint for maps without output structure, per output else. Layers
// say.
Coupling resolve_coupling(const LinearTransfer& transfer, const Solver& solver) {
  const auto* cg = std::get_if<ConjugateGradient>(&solver);
  if (cg != nullptr && cg->coupling) {
    TORCH_CHECK(
        *cg->coupling == Coupling::joint || transfer.dimensions(),
        "proxprop: Coupling::per_output needs a transfer with outputs (dimensions()); use Coupling::joint");
    return *cg->coupling;
  }
  return transfer.dimensions() && cg != nullptr ? Coupling::per_output : Coupling::joint;
}

Route resolve_route(const LinearTransfer& transfer, const ProximalOptions& options) {
  if (std::holds_alternative<Gradient>(options.solver)) {
    return Route::gradient;
  }
  if (!options.route) {
    return plan(describe(transfer, options.solver)).route;
  }
  const auto route = *options.route;
  TORCH_CHECK(
      route != Route::sample_gram || transfer.has_sample_matrix(),
      "proxprop: this transfer offers no sample matrix, so route 'sample Gram' is impossible; use 'matrix-free'");
  TORCH_CHECK(
      route != Route::feature_gram || transfer.has_feature_gram(),
      "proxprop: this transfer offers no feature Gram, so route 'feature Gram' is impossible; use 'matrix-free'");
  return route;
}

int64_t row_count(const LinearTransfer& transfer, const at::Tensor& grad_output) {
  const auto dimensions = transfer.dimensions();
  return dimensions ? dimensions->rows : (grad_output.dim() > 0 ? grad_output.size(0) : 1);
}

ProximalStep take_route(
    Route route, const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  switch (route) {
    case Route::sample_gram: return sample_route(transfer, grad_output, request);
    case Route::feature_gram: return feature_route(transfer, grad_output, request);
    case Route::matrix_free: return matrix_free_route(transfer, grad_output, request);
    case Route::gradient: return {transfer.adjoint(grad_output), {}};
  }
  TORCH_INTERNAL_ASSERT(false, "unknown route");
}

}  // namespace

const char* to_string(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::regularized: return "regularized";
    case Status::stalled: return "stalled";
    case Status::not_finite: return "not finite";
  }
  TORCH_INTERNAL_ASSERT(false, "unknown status");
}

at::Tensor power_of_two_scale(const at::Tensor& x, at::IntArrayRef dims) {
  const auto magnitude = dims.empty() ? x.abs().max() : x.abs().amax(dims, /*keepdim=*/true);
  const auto exponent = std::get<1>(at::frexp(magnitude));
  // 2^-e leaves the range of the dtype for subnormal magnitudes: stop short of it.
  const auto limit = x.scalar_type() == at::kDouble ? 1000 : 120;
  return at::ldexp(at::ones_like(magnitude), exponent.neg().clamp(-limit, limit));
}

ProximalStep proximal_direction(
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options) {
  check(options);
  TORCH_CHECK(
      grad_output.scalar_type() == at::kFloat || grad_output.scalar_type() == at::kDouble,
      "proxprop: the gradient must be float32 or float64, got ", grad_output.scalar_type());
  c10::NoGradGuard no_grad;
  const PreciseMath precise_math;

  const auto route = resolve_route(transfer, options);
  if (grad_output.numel() == 0) {
    ProximalStep step;
    for (const auto& shape : transfer.parameter_shapes()) {
      step.direction.push_back(at::zeros(shape, grad_output.options()));
    }
    step.summary.route = route;
    return step;
  }

  // Mean scaling: (beta I + Gram / S)^-1 = S (S beta I + Gram)^-1.
  const double divisor = options.scaling == Scaling::mean ? double(row_count(transfer, grad_output)) : 1.0;
  Request request{divisor / options.tau_theta, options.solver, resolve_coupling(transfer, options.solver)};
  auto step = take_route(route, transfer, grad_output, request);
  if (divisor != 1.0 && route != Route::gradient) {
    for (auto& tensor : step.direction) {
      tensor.mul_(divisor);
    }
  }
  return step;
}

double relative_residual(
    const LinearTransfer& transfer,
    const at::Tensor& grad_output,
    at::TensorList direction,
    const ProximalOptions& options) {
  c10::NoGradGuard no_grad;
  const double divisor = options.scaling == Scaling::mean ? double(row_count(transfer, grad_output)) : 1.0;
  const auto right = transfer.accurate_adjoint(grad_output);
  const auto left = transfer.accurate_adjoint(transfer.apply(direction));
  double residual = 0, norm = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    const auto v = direction[i].to(at::kDouble);
    residual += (left[i] / divisor + v / options.tau_theta - right[i]).square().sum().item<double>();
    norm += right[i].square().sum().item<double>();
  }
  return norm == 0 ? std::sqrt(residual) : std::sqrt(residual / norm);
}

}  // namespace proxprop
