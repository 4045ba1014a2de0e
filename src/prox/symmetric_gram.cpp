#include "prox/symmetric_gram.h"

#include "prox/dense_product.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace proxprop {

namespace {

// Rows mirrored by one task.
constexpr int64_t mirror_block = 32;

// visit(i, j) for all i < j < n, in square blocks that stay in cache.
template <typename Visit>
void for_each_pair(int64_t n, const Visit& visit) {
  const auto blocks = (n + mirror_block - 1) / mirror_block;
  at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
    for (auto row = begin * mirror_block; row < std::min(n, end * mirror_block); row += mirror_block) {
      for (auto column = row; column < n; column += mirror_block) {
        for (auto i = row; i < std::min(n, row + mirror_block); ++i) {
          for (auto j = std::max(column, i + 1); j < std::min(n, column + mirror_block); ++j) {
            visit(i, j);
          }
        }
      }
    }
  });
}

template <typename T>
void fill_gram(const at::Tensor& x, const at::Tensor& gram) {
  const Operand<T> rows{x.const_data_ptr<T>(), x.size(0), x.size(1), x.stride(0), x.stride(1)};
  dense_product<T, double>(rows, rows, gram.mutable_data_ptr<double>(), gram.stride(0), Part::lower);
  mirror_lower(gram);
}

at::Tensor gram_of_matrix(const at::Tensor& x) {
  const auto n = x.size(0);
  const auto gram = x.is_cpu() ? scratch({n, n}) : at::empty({n, n}, x.options().dtype(at::kDouble));
  fill_symmetric_gram(x, gram);
  return gram;
}

}  // namespace

void mirror_lower(const at::Tensor& matrix) {
  const auto stride = matrix.stride(0);
  double* data = matrix.mutable_data_ptr<double>();
  for_each_pair(matrix.size(0), [&](int64_t i, int64_t j) { data[i * stride + j] = data[j * stride + i]; });
}

void mirror_upper(const at::Tensor& matrix) {
  const auto stride = matrix.stride(0);
  double* data = matrix.mutable_data_ptr<double>();
  for_each_pair(matrix.size(0), [&](int64_t i, int64_t j) { data[j * stride + i] = data[i * stride + j]; });
}

void fill_symmetric_gram(const at::Tensor& x, const at::Tensor& gram) {
  if (!x.is_cpu()) {
    const auto wide = x.to(at::kDouble);
    gram.copy_(at::mm(wide, wide.t()));
  } else if (x.scalar_type() == at::kFloat) {
    fill_gram<float>(x, gram);
  } else {
    fill_gram<double>(x.to(at::kDouble), gram);
  }
}

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
