#include "prox/symmetric_gram.h"

#include "prox/dense_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace proxprop {

namespace {

// Rows mirrored by one task.
constexpr int64_t mirror_block = 32;

// upper[i][j] = lower[j][i], in square blocks that stay in cache.
void mirror_lower(double* gram, int64_t n) {
  const auto blocks = (n + mirror_block - 1) / mirror_block;
  at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
    for (auto row = begin * mirror_block; row < std::min(n, end * mirror_block); row += mirror_block) {
      for (auto column = row; column < n; column += mirror_block) {
        for (auto i = row; i < std::min(n, row + mirror_block); ++i) {
          for (auto j = std::max(column, i + 1); j < std::min(n, column + mirror_block); ++j) {
            gram[i * n + j] = gram[j * n + i];
          }
        }
      }
    }
  });
}

template <typename T>
void fill_gram(const at::Tensor& x, const at::Tensor& gram) {
  const auto n = x.size(0);
  const Operand<T> rows{x.const_data_ptr<T>(), n, x.size(1), x.stride(0), x.stride(1)};
  double* data = gram.mutable_data_ptr<double>();
  dense_product<T, double>(rows, rows, data, n, Part::lower);
  mirror_lower(data, n);
}

at::Tensor gram_of_matrix(const at::Tensor& x) {
  if (!x.is_cpu()) {
    const auto wide = x.to(at::kDouble);
    return at::mm(wide, wide.t());
  }
  auto gram = at::empty({x.size(0), x.size(0)}, x.options().dtype(at::kDouble));
  if (x.scalar_type() == at::kFloat) {
    fill_gram<float>(x, gram);
  } else {
    fill_gram<double>(x.to(at::kDouble), gram);
  }
  return gram;
}

}  // namespace

at::Tensor symmetric_gram(const at::Tensor& x) {
  if (x.dim() == 2) {
    return gram_of_matrix(x);
  }
  if (x.size(0) == 1) {
    return gram_of_matrix(x[0]).unsqueeze(0);
  }
  std::vector<at::Tensor> grams;
  grams.reserve(x.size(0));
  for (const auto& matrix : x.unbind(0)) {
    grams.push_back(gram_of_matrix(matrix));
  }
  return at::stack(grams);
}

}  // namespace proxprop
