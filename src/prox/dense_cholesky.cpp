#include "prox/dense_cholesky.h"

#include "prox/dense_product.h"
#include "prox/symmetric_gram.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace proxprop {

namespace {

// Side of the blocks that recursion ends at.
constexpr int64_t block = 48;

// Where recursion cuts n > block: whole blocks on the left, as even as possible.
int64_t left_part(int64_t n) {
  return (n / block + 1) / 2 * block;
}

/// A matrix inside another, row by row.
struct View {
  double* data;
  int64_t rows, columns, stride;

  View part(int64_t row, int64_t column, int64_t row_count, int64_t column_count) const {
    return {data + row * stride + column, row_count, column_count, stride};
  }
  Operand<double> operand() const { return {data, rows, columns, stride, 1}; }
  Operand<double> transposed() const { return {data, columns, rows, 1, stride}; }
};

View view(const at::Tensor& matrix) {
  return {matrix.mutable_data_ptr<double>(), matrix.size(0), matrix.size(1), matrix.stride(0)};
}

using Block = std::array<double, size_t(block* block)>;

/// L of A = L L^T with the inverses of its diagonal blocks.
struct Lower {
  View matrix;
  double* inverses;  ///< [n / block][block, block]

  int64_t size() const { return matrix.rows; }
  Lower top(int64_t n) const { return {matrix.part(0, 0, n, n), inverses}; }
  Lower bottom(int64_t n) const {
    return {matrix.part(n, n, size() - n, size() - n), inverses + n / block * block * block};
  }
  View below(int64_t n) const { return matrix.part(n, 0, size() - n, n); }
  View inverse() const { return {inverses, size(), size(), block}; }
};

// L and L^-1 of one block. In between the block is held transposed, U = L^T, so that inner loops run along rows.
bool factor_block(const Lower& lower) {
  const auto n = lower.size();
  Block u;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      u[size_t(j * block + i)] = lower.matrix.data[i * lower.matrix.stride + j];
    }
  }
  for (int64_t k = 0; k < n; ++k) {
    double* row = &u[size_t(k * block)];
    if (!(row[k] > 0)) {
      return false;
    }
    const auto pivot = std::sqrt(row[k]);
    for (int64_t j = k; j < n; ++j) {
      row[j] /= pivot;
    }
    row[k] = pivot;
    for (int64_t i = k + 1; i < n; ++i) {
      double* target = &u[size_t(i * block)];
      const auto factor = row[i];
      for (int64_t j = i; j < n; ++j) {
        target[j] -= factor * row[j];
      }
    }
  }
  // Row i of L^-1 from the rows above it: (e_i - sum over k < i of L[i][k] row k) / L[i][i].
  const auto inverse = lower.inverse();
  for (int64_t i = 0; i < n; ++i) {
    double* row = inverse.data + i * block;
    std::fill(row, row + block, 0.0);
    for (int64_t k = 0; k < i; ++k) {
      const auto factor = u[size_t(k * block + i)];
      const double* above = inverse.data + k * block;
      for (int64_t j = 0; j <= k; ++j) {
        row[j] -= factor * above[j];
      }
    }
    row[i] = 1.0;
    for (int64_t j = 0; j <= i; ++j) {
      row[j] /= u[size_t(i * block + i)];
    }
    for (int64_t j = 0; j <= i; ++j) {
      lower.matrix.data[i * lower.matrix.stride + j] = u[size_t(j * block + i)];
    }
  }
  return true;
}

// to = from; for what `dense_product` must not overlap.
at::Tensor copy(const View& from) {
  const auto result = scratch({from.rows, from.columns});
  double* to = result.mutable_data_ptr<double>();
  for (int64_t i = 0; i < from.rows; ++i) {
    std::copy_n(from.data + i * from.stride, from.columns, to + i * from.columns);
  }
  return result;
}

// x = x L^-T
void solve_from_right(const Lower& lower, const View& x) {
  const auto n = lower.size();
  if (n <= block) {
    const auto old = copy(x);
    return dense_product(view(old).operand(), lower.inverse().operand(), x.data, x.stride);
  }
  const auto left = left_part(n);
  const auto first = x.part(0, 0, x.rows, left), second = x.part(0, left, x.rows, n - left);
  solve_from_right(lower.top(left), first);
  dense_product(first.operand(), lower.below(left).operand(), second.data, x.stride, Part::all, Write::subtract);
  solve_from_right(lower.bottom(left), second);
}

// x = L^-1 x
void solve_forward(const Lower& lower, const View& x) {
  const auto n = lower.size();
  if (n <= block) {
    const auto old = copy(x);
    return dense_product(lower.inverse().operand(), view(old).transposed(), x.data, x.stride);
  }
  const auto top = left_part(n);
  const auto first = x.part(0, 0, top, x.columns), second = x.part(top, 0, n - top, x.columns);
  solve_forward(lower.top(top), first);
  dense_product(lower.below(top).operand(), first.transposed(), second.data, x.stride, Part::all, Write::subtract);
  solve_forward(lower.bottom(top), second);
}

// x = L^-T x
void solve_backward(const Lower& lower, const View& x) {
  const auto n = lower.size();
  if (n <= block) {
    const auto old = copy(x);
    return dense_product(lower.inverse().transposed(), view(old).transposed(), x.data, x.stride);
  }
  const auto top = left_part(n);
  const auto first = x.part(0, 0, top, x.columns), second = x.part(top, 0, n - top, x.columns);
  solve_backward(lower.bottom(top), second);
  dense_product(lower.below(top).transposed(), second.transposed(), first.data, x.stride, Part::all, Write::subtract);
  solve_backward(lower.top(top), first);
}

bool factor(const Lower& lower) {
  const auto n = lower.size();
  if (n <= block) {
    return factor_block(lower);
  }
  const auto left = left_part(n);
  const auto below = lower.below(left);
  const auto rest = lower.bottom(left);
  if (!factor(lower.top(left))) {
    return false;
  }
  solve_from_right(lower.top(left), below);
  dense_product(below.operand(), below.operand(), rest.matrix.data, rest.matrix.stride, Part::lower, Write::subtract);
  return factor(rest);
}

// `out` = L^-1, which is zero above its diagonal: [L1^-1, 0; -L2^-1 L21 L1^-1, L2^-1].
void invert(const Lower& lower, const View& out) {
  const auto n = lower.size();
  if (n <= block) {
    const auto inverse = lower.inverse();
    for (int64_t i = 0; i < n; ++i) {
      std::copy_n(inverse.data + i * block, n, out.data + i * out.stride);
    }
    return;
  }
  const auto top = left_part(n);
  const auto first = out.part(0, 0, top, top), corner = out.part(top, 0, n - top, top);
  const auto second = out.part(top, top, n - top, n - top);
  invert(lower.top(top), first);
  invert(lower.bottom(top), second);
  const auto product = scratch({n - top, top});
  dense_product(lower.below(top).operand(), first.transposed(), view(product).data, top);
  dense_product(second.operand(), view(product).transposed(), corner.data, corner.stride, Part::all, Write::subtract);
}

Lower lower_of(const at::Tensor& matrix, const at::Tensor& inverses) {
  return {view(matrix), inverses.mutable_data_ptr<double>()};
}

}  // namespace

DenseCholesky::DenseCholesky(at::Tensor matrix) : lower_(std::move(matrix)) {
  const auto blocks = (lower_.size(0) + block - 1) / block;
  diagonal_inverses_ = scratch({blocks * block, block});
  positive_definite_ = lower_.size(0) == 0 || factor(lower_of(lower_, diagonal_inverses_));
}

double DenseCholesky::smallest_pivot() const {
  const auto root =
      lower_.size(0) == 0 ? std::numeric_limits<double>::infinity() : lower_.diagonal().min().item<double>();
  return root * root;
}

void DenseCholesky::solve_in_place(const at::Tensor& right) const {
  if (right.numel() > 0) {
    const auto lower = lower_of(lower_, diagonal_inverses_);
    solve_forward(lower, view(right));
    solve_backward(lower, view(right));
  }
}

at::Tensor DenseCholesky::inverse() const {
  const auto n = lower_.size(0);
  const auto inverse_of_lower = zero_scratch({n, n});
  if (n > 0) {
    invert(lower_of(lower_, diagonal_inverses_), view(inverse_of_lower));
  }
  return symmetric_gram(inverse_of_lower.t());
}

}  // namespace proxprop
