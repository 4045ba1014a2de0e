#include <proxprop/prox/direction.h>

#include "prox/agreement.h"
#include "prox/joint_steps.h"
#include "prox/precise_math.h"
#include "prox/routes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <memory>

namespace proxprop {

void check_output(const LinearTransfer& transfer, const at::Tensor& grad_output) {
  TORCH_CHECK(
      grad_output.scalar_type() == at::kFloat || grad_output.scalar_type() == at::kDouble,
      "proxprop: the gradient must be float32 or float64, got ", grad_output.scalar_type());
  const auto shape = transfer.output_shape();
  TORCH_CHECK(
      !shape || grad_output.sizes() == at::IntArrayRef(*shape), "proxprop: the gradient has shape ",
      grad_output.sizes(), ", the output of this transfer ", at::IntArrayRef(shape ? *shape : std::vector<int64_t>()));
}

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
  // 2^-e leaves the range of the dtype for subnormal magnitudes: stop short of it.
  const auto limit = x.scalar_type() == at::kDouble ? 1000 : 120;
  if (x.numel() == 0 && dims.empty()) {
    return at::full({}, std::ldexp(1.0, limit), x.options());  // the others' rows decide
  }
  const auto magnitude = dims.empty() ? x.abs().max() : x.abs().amax(dims, /*keepdim=*/true);
  const auto exponent = std::get<1>(at::frexp(magnitude));
  return at::ldexp(at::ones_like(magnitude), exponent.neg().clamp(-limit, limit));
}

ProximalStep proximal_direction(
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options, SolverState* state) {
  JointSteps one(options.communicator);
  const std::shared_ptr<const LinearTransfer> borrowed(std::shared_ptr<const LinearTransfer>(), &transfer);
  return one.finish(one.begin(borrowed, grad_output, options, state));
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
  const auto ranks = agree(transfer, grad_output, options).ranks;
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
