#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Columns converted to float64 at a time: the panel stays in cache, and no float64 copy of X is ever whole.
constexpr int64_t panel_columns = 512;
// Row blocks of the lower triangle: with b blocks (b + 1) / (2 b) of the full product is computed.
constexpr int64_t row_blocks = 5;
constexpr int64_t smallest_block = 64;

at::Tensor gram_of_matrix(const at::Tensor& x) {
  const auto rows = x.size(0);
  const auto columns = x.size(1);
  auto gram = at::zeros({rows, rows}, x.options().dtype(at::kDouble));
  const auto block = std::max(smallest_block, (rows + row_blocks - 1) / row_blocks);
  for (int64_t column = 0; column < columns; column += panel_columns) {
    const auto panel = x.narrow(1, column, std::min(panel_columns, columns - column)).to(at::kDouble).contiguous();
    for (int64_t row = 0; row < rows; row += block) {
      const auto height = std::min(block, rows - row);
      auto target = gram.narrow(0, row, height).narrow(1, 0, row + height);
      target.addmm_(panel.narrow(0, row, height), panel.narrow(0, 0, row + height).t());
    }
  }
  gram.tril_();
  gram.add_(gram.tril(-1).t());
  return gram;
}

}  // namespace

at::Tensor symmetric_gram(const at::Tensor& x) {
  if (x.dim() == 2) {
    return gram_of_matrix(x);
  }
  std::vector<at::Tensor> grams;
  grams.reserve(x.size(0));
  for (const auto& matrix : x.unbind(0)) {
    grams.push_back(gram_of_matrix(matrix));
  }
  return at::stack(grams);
}

}  // namespace proxprop
