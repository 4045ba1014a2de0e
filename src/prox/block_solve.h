#pragma once

#include <proxprop/prox/linear_transfer.h>

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace proxprop {

/// Solves (beta I + G) x = right, float64 [groups, d, m], for the G of `LinearTransfer::feature_gram_blocks` with
/// `rows` in the corner of the bias: the work of the blocks instead of (their sum)^3. Overwrites the blocks. Unset
/// where they are not numerically positive definite. CPU.
std::optional<at::Tensor> solve_by_blocks(
    const std::vector<GramBlock>& blocks, double rows, double beta, const at::Tensor& right);

}  // namespace proxprop
