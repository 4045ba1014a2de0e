// Without the bias the blocks are systems of their own. With it
//
//     [ M   s         ] [x]   [b]
//     [ s^T rows+beta ] [y] = [c],     M block diagonal,
//
// eliminating x leaves (rows + beta - s^T M^-1 s) y = c - s^T M^-1 b, and x = M^-1 b - M^-1 s y: one more right side
// for every block.

#include "prox/block_solve.h"

#include "prox/factor.h"

#include <ATen/ATen.h>

namespace proxprop {

namespace {

/// What is left of the bias's equation, per group: pivot * y = right.
struct BiasEquation {
  at::Tensor pivot;  ///< [groups, 1, 1]
  at::Tensor right;  ///< [groups, 1, m]
};

}  // namespace

std::optional<at::Tensor> solve_by_blocks(
    const std::vector<GramBlock>& blocks, double rows, double beta, const at::Tensor& right) {
  const auto d = right.size(1) - (blocks.front().gram.size(1) > blocks.front().columns.numel() ? 1 : 0);
  const bool bias = d < right.size(1);
  auto solution = right.div(beta);  // columns of no block see only zeros
  BiasEquation left;
  if (bias) {
    left = {at::full({right.size(0), 1, 1}, rows + beta, right.options()), right.narrow(1, d, 1).clone()};
  }
  std::vector<at::Tensor> solved_sums;
  for (const auto& [gram, columns] : blocks) {
    const auto n = columns.numel();
    const auto sums = gram.narrow(1, 0, n).narrow(2, n, bias ? 1 : 0).clone();
    const auto factor = factorize(gram.narrow(1, 0, n).narrow(2, 0, n), beta);
    if (factor.status != Status::ok) {
      return std::nullopt;
    }
    auto solved = factor.solve(right.index_select(1, columns));
    if (bias) {
      solved_sums.push_back(factor.solve(sums));
      left.pivot -= at::bmm(sums.transpose(1, 2), solved_sums.back());
      left.right -= at::bmm(sums.transpose(1, 2), solved);
    }
    solution.index_copy_(1, columns, solved);
  }
  if (bias) {
    if (!(left.pivot > 0).all().item<bool>()) {
      return std::nullopt;
    }
    const auto of_bias = left.right / left.pivot;
    for (size_t i = 0; i < blocks.size(); ++i) {
      solution.index_add_(1, blocks[i].columns, at::bmm(solved_sums[i], of_bias), -1);
    }
    solution.narrow(1, d, 1).copy_(of_bias);
  }
  return solution;
}

}  // namespace proxprop
