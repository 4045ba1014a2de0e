#include <proxprop/prox/direction.h>

#include <proxprop/prox/plan.h>

#include "prox/precise_math.h"
#include "prox/ranks.h"
#include "prox/routes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace proxprop {

namespace {

// Joint or per output, where the caller did not say: per output for maps whose outputs can be told apart, joint else.
// Layers say.
Coupling resolve_coupling(const LinearTransfer& transfer, const Solver& solver) {
  const auto* cg = std::get_if<ConjugateGradient>(&solver);
  const bool has_outputs = transfer.dimensions() && transfer.has_sample_matrix();
  if (cg != nullptr && cg->coupling) {
    TORCH_CHECK(
        *cg->coupling == Coupling::joint || has_outputs,
        "proxprop: Coupling::per_output needs a transfer with dimensions() and rows of outputs (has_sample_matrix()); "
        "use "
        "Coupling::joint");
    return *cg->coupling;
  }
  return has_outputs ? Coupling::per_output : Coupling::joint;
}

void check_output(const LinearTransfer& transfer, const at::Tensor& grad_output) {
  TORCH_CHECK(
      grad_output.scalar_type() == at::kFloat || grad_output.scalar_type() == at::kDouble,
      "proxprop: the gradient must be float32 or float64, got ", grad_output.scalar_type());
  const auto shape = transfer.output_shape();
  TORCH_CHECK(
      !shape || grad_output.sizes() == at::IntArrayRef(*shape), "proxprop: the gradient has shape ",
      grad_output.sizes(), ", the output of this transfer ", at::IntArrayRef(shape ? *shape : std::vector<int64_t>()));
}

ProximalStep gradient(const LinearTransfer& transfer, const at::Tensor& grad_output, const Ranks& ranks) {
  ProximalStep step{transfer.adjoint(grad_output), {}};
  ranks.sum(step.direction);
  return step;
}

// What is planned and solved: this rank's rows, or those of all ranks.
Agreement shared_problem(
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options) {
  auto problem = describe(transfer, options, grad_output.device());
  const auto rows = grad_output.numel() == 0 ? 0 : transfer.row_count(grad_output);
  if (options.communicator == nullptr || options.communicator->size() == 1) {
    return {std::move(problem), Ranks(rows)};
  }
  return agree(*options.communicator, transfer, rows, std::move(problem), options, grad_output.device());
}

ProximalStep take_route(
    Route route, const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  switch (route) {
    case Route::sample_gram: return sample_route(transfer, grad_output, request);
    case Route::feature_gram: return feature_route(transfer, grad_output, request);
    case Route::matrix_free: return matrix_free_route(transfer, grad_output, request);
    case Route::gradient: return gradient(transfer, grad_output, request.ranks);
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
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options, SolverState* state) {
  check(options);
  check_output(transfer, grad_output);
  TORCH_CHECK(
      state != nullptr || !keeps_state(options.solver), "proxprop: solver '", to_string(options.solver),
      "' goes on from earlier steps and needs a SolverState; layers have one");
  c10::NoGradGuard no_grad;
  const PreciseMath precise_math;

  const auto [problem, ranks] = shared_problem(transfer, grad_output, options);
  const auto route = std::holds_alternative<Gradient>(options.solver) ? Route::gradient : plan(problem).route;
  if (ranks.rows() == 0 || (ranks.alone() && grad_output.numel() == 0)) {
    ProximalStep step;
    for (const auto& shape : transfer.parameter_shapes()) {
      step.direction.push_back(at::zeros(shape, grad_output.options()));
    }
    step.summary.route = route;
    return step;
  }

  // Mean scaling: (beta I + Gram / S)^-1 = S (S beta I + Gram)^-1.
  const double divisor = options.scaling == Scaling::mean ? double(ranks.rows()) : 1.0;
  const Request request{
      divisor / options.tau_theta, options.solver, resolve_coupling(transfer, options.solver), ranks,
      state != nullptr ? &state->saved() : nullptr};
  auto step = take_route(route, transfer, grad_output, request);
  const auto factor = (route == Route::gradient ? 1.0 : divisor) / double(ranks.count());
  if (factor != 1.0) {
    for (auto& tensor : step.direction) {
      tensor.mul_(factor);
    }
  }
  return step;
}

double relative_residual(
    const LinearTransfer& transfer,
    const at::Tensor& grad_output,
    at::TensorList direction,
    const ProximalOptions& options) {
  check(options);
  check_output(transfer, grad_output);
  c10::NoGradGuard no_grad;
  const PreciseMath precise_math;
  const auto ranks = shared_problem(transfer, grad_output, options).ranks;
  const double divisor = options.scaling == Scaling::mean ? double(ranks.rows()) : 1.0;
  auto right = transfer.accurate_adjoint(grad_output);
  auto left = transfer.accurate_adjoint(transfer.apply(direction));
  ranks.sum(right);
  ranks.sum(left);
  double residual = 0, norm = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    const auto v = direction[i].to(at::kDouble);
    const auto gradient = right[i] / double(ranks.count());
    residual += (left[i] / divisor + v / options.tau_theta - gradient).square().sum().item<double>();
    norm += gradient.square().sum().item<double>();
  }
  return norm == 0 ? std::sqrt(residual) : std::sqrt(residual / norm);
}

}  // namespace proxprop
