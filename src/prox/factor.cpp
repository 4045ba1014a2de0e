#include "prox/factor.h"

#include <ATen/ATen.h>

#include <limits>
#include <tuple>

namespace proxprop {

namespace {

constexpr int jitter_attempts = 12;

at::Tensor damped(const at::Tensor& gram, double damping) {
  auto matrix = gram.clone();
  matrix.diagonal(0, -2, -1).add_(damping);
  return matrix;
}

}  // namespace

at::Tensor Factor::inverse() const {
  return at::cholesky_inverse(lower);
}

at::Tensor Factor::solve(const at::Tensor& right) const {
  return at::cholesky_solve(right, lower);
}

Factor factorize(const at::Tensor& gram, double damping) {
  auto [lower, info] = at::linalg_cholesky_ex(damped(gram, damping));
  if (gram.is_cuda()) {
    const auto n = double(gram.size(-1));
    const auto trace = gram.diagonal(0, -2, -1).sum(-1).max();
    auto matrix = damped(gram, damping);
    matrix.diagonal(0, -2, -1).add_(trace * (n * std::numeric_limits<double>::epsilon()));
    const auto [fallback, fallback_info] = at::linalg_cholesky_ex(matrix);
    const auto each = [](const at::Tensor& flags) { return flags.unsqueeze(-1).unsqueeze(-1); };
    const auto nan = at::full({}, std::numeric_limits<double>::quiet_NaN(), lower.options());
    return {at::where(each(info == 0), lower, at::where(each(fallback_info == 0), fallback, nan))};
  }
  if (info.eq(0).all().item<bool>()) {
    return {lower};
  }
  if (!gram.isfinite().all().item<bool>()) {
    return {at::full_like(lower, std::numeric_limits<double>::quiet_NaN()), Status::not_finite};
  }
  const auto trace = gram.diagonal(0, -2, -1).sum(-1).abs().max().item<double>();
  auto jitter = trace * std::numeric_limits<double>::epsilon();
  for (int attempt = 0; attempt < jitter_attempts; ++attempt, jitter *= 10) {
    std::tie(lower, info) = at::linalg_cholesky_ex(damped(gram, damping + jitter));
    if (info.eq(0).all().item<bool>()) {
      return {lower, Status::regularized, jitter};
    }
  }
  return {at::full_like(lower, std::numeric_limits<double>::quiet_NaN()), Status::not_finite};
}

}  // namespace proxprop
