#include "prox/factor.h"

#include "prox/symmetric_gram.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace proxprop {

namespace {

constexpr int jitter_attempts = 12;
constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The factors of matrices whose upper halves hold the Gram and whose diagonals are given: the lower halves, which
// factorisation overwrites, are made anew. Empty where one is not positive definite.
std::vector<DenseCholesky> factor_blocks(const at::Tensor& gram, const at::Tensor& diagonal, bool lower_is_lost) {
  gram.diagonal(0, -2, -1).copy_(diagonal);
  std::vector<DenseCholesky> blocks;
  for (const auto& matrix : gram.unbind(0)) {
    if (lower_is_lost) {
      mirror_upper(matrix);
    }
    blocks.emplace_back(matrix);
    if (!blocks.back().positive_definite()) {
      return {};
    }
  }
  return blocks;
}

Factor factorize_on_cpu(const at::Tensor& gram, double damping) {
  const auto diagonal = gram.diagonal(0, -2, -1).clone();
  Factor factor;
  factor.blocks = factor_blocks(gram, diagonal + damping, /*lower_is_lost=*/false);
  if (!factor.blocks.empty() || gram.size(0) == 0) {
    return factor;
  }
  if (diagonal.isfinite().all().item<bool>() && gram.triu().isfinite().all().item<bool>()) {
    factor.status = Status::regularized;
    factor.jitter = diagonal.sum(-1).abs().max().item<double>() * epsilon;
    for (int attempt = 0; attempt < jitter_attempts; ++attempt, factor.jitter *= 10) {
      factor.blocks = factor_blocks(gram, diagonal + (damping + factor.jitter), /*lower_is_lost=*/true);
      if (!factor.blocks.empty()) {
        return factor;
      }
    }
  }
  return {{}, at::full_like(gram, nan), Status::not_finite};
}

at::Tensor damped(const at::Tensor& gram, const at::Tensor& damping) {
  auto matrix = gram.clone(at::MemoryFormat::Contiguous);
  matrix.diagonal(0, -2, -1).add_(damping);
  return matrix;
}

Factor factorize_on_device(const at::Tensor& gram, double damping) {
  const auto beta = at::full({}, damping, gram.options());
  const auto [lower, info] = at::linalg_cholesky_ex(damped(gram, beta));
  const auto jitter = gram.diagonal(0, -2, -1).sum(-1).max() * (double(gram.size(-1)) * epsilon);
  const auto [fallback, fallback_info] = at::linalg_cholesky_ex(damped(gram, beta + jitter));
  const auto each = [](const at::Tensor& flags) { return flags.unsqueeze(-1).unsqueeze(-1); };
  const auto not_a_number = at::full({}, nan, lower.options());
  return {{}, at::where(each(info == 0), lower, at::where(each(fallback_info == 0), fallback, not_a_number))};
}

}  // namespace

double Factor::smallest_pivot() const {
  auto smallest = std::numeric_limits<double>::infinity();
  for (const auto& block : blocks) {
    smallest = std::min(smallest, block.smallest_pivot());
  }
  return smallest;
}

at::Tensor Factor::inverse() const {
  if (lower.defined()) {
    return at::cholesky_inverse(lower);
  }
  std::vector<at::Tensor> inverses;
  for (const auto& block : blocks) {
    inverses.push_back(block.inverse());
  }
  return inverses.size() == 1 ? inverses.front().unsqueeze(0) : at::stack(inverses);
}

at::Tensor Factor::solve(const at::Tensor& right) const {
  if (lower.defined()) {
    return at::cholesky_solve(right.to(at::kDouble), lower);
  }
  auto result = scratch(right.sizes());
  for (size_t group = 0; group < blocks.size(); ++group) {
    const auto slice = result[int64_t(group)];
    slice.copy_(right[int64_t(group)]);
    blocks[group].solve_in_place(slice);
  }
  return result;
}

Factor factorize(at::Tensor gram, double damping) {
  gram = gram.contiguous();
  return gram.is_cpu() ? factorize_on_cpu(gram, damping) : factorize_on_device(gram, damping);
}

}  // namespace proxprop
