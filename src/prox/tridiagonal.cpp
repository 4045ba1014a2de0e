#include "prox/tridiagonal.h"

#include "prox/kernels/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

namespace proxprop {

namespace {

// Row i of the working matrix keeps the reflector P = I - u u^T / h that cleared it.
struct Reflectors {
  at::Tensor rows;           // [n, n], u_i in row i, entries 0 .. i - 1
  std::vector<double> half;  // h_i = |u_i|^2 / 2; 0: no reflection
};

// From the last row up, as in EISPACK's tred2: row i is cleared but for its last entry by a reflection u of its
// first i coordinates, and the leading block becomes A - u q^T - q u^T, q = p - (u^T p / 2h) u, p = A u / h. That update
// waits and is done in the sweep that also forms the next A u: memory is passed over once per step.
Reflectors reduce(const at::Tensor& symmetric, double* diagonal, double* off) {
  const auto n = symmetric.size(0);
  Reflectors reflectors{symmetric.clone(at::MemoryFormat::Contiguous), std::vector<double>(size_t(n), 0.0)};
  double* a = reflectors.rows.mutable_data_ptr<double>();
  std::vector<double> u(size_t(n), 0.0), q(size_t(n), 0.0), next_u(size_t(n), 0.0), y(size_t(n), 0.0);
  const auto sweep = symmetric_kernels().sweep;
  for (int64_t i = n - 1; i >= 0; --i) {
    double* row = a + i * n;
    for (int64_t j = 0; j <= i; ++j) {
      row[j] -= q[i] * u[j] + u[i] * q[j];
    }
    diagonal[i] = row[i];
    if (i == 0) {
      break;
    }
    double largest = 0;
    for (int64_t j = 0; j < i; ++j) {
      largest = std::max(largest, std::abs(row[j]));
      next_u[j] = row[j];
    }
    double h = 0;
    if (!(largest <= 0)) {  // NaN goes on, and shows
      double squares = 0;
      for (int64_t j = 0; j < i; ++j) {
        squares += row[j] * row[j];
      }
      const double pivot = row[i - 1];
      const double norm = std::copysign(std::sqrt(squares), pivot);
      off[i - 1] = -norm;
      next_u[i - 1] = pivot + norm;
      h = squares + std::abs(pivot * norm);
    } else {
      off[i - 1] = 0;
    }
    std::fill(y.begin(), y.begin() + i, 0.0);
    for (int64_t r = 0; r < i; ++r) {
      double* entries = a + r * n;
      const double dot = sweep({entries, r, q[r], u[r], next_u[r], q.data(), u.data(), next_u.data(), y.data()});
      entries[r] -= 2 * q[r] * u[r];
      y[r] += dot + entries[r] * next_u[r];
    }
    reflectors.half[i] = h;
    if (h == 0) {
      std::fill(next_u.begin(), next_u.begin() + i, 0.0);
      std::fill(q.begin(), q.end(), 0.0);
    } else {
      double overlap = 0;
      for (int64_t j = 0; j < i; ++j) {
        q[j] = y[j] / h;
        overlap += q[j] * next_u[j];
      }
      overlap /= 2 * h;
      for (int64_t j = 0; j < i; ++j) {
        q[j] -= overlap * next_u[j];
      }
    }
    std::copy(next_u.begin(), next_u.begin() + i, row);
    std::copy(next_u.begin(), next_u.begin() + i, u.begin());
  }
  return reflectors;
}

// Q = P_{n-1} .. P_1: columns are independent, and P_i changes columns and rows below i only.
at::Tensor accumulate(const Reflectors& reflectors) {
  const auto n = reflectors.rows.size(0);
  const auto width = symmetric_kernels().reflect_width;
  const auto blocks = (n + width - 1) / width;
  const auto stride = blocks * width;
  auto basis = at::zeros({n, stride}, reflectors.rows.options());
  basis.diagonal().fill_(1.0);
  double* q = basis.mutable_data_ptr<double>();
  const double* rows = reflectors.rows.const_data_ptr<double>();
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(blocks, at::get_num_threads()), 1, [&](int64_t begin, int64_t end) {
    for (auto worker = begin; worker < end; ++worker) {
      for (int64_t block = next++; block < blocks; block = next++) {
        for (int64_t i = std::max<int64_t>(1, block * width + 1); i < n; ++i) {
          if (reflectors.half[i] != 0) {
            symmetric_kernels().reflect(q + block * width, stride, i, rows + i * n, 1 / reflectors.half[i]);
          }
        }
      }
    }
  });
  return basis.narrow(1, 0, n);
}

template <typename T>
bool solve_columns(const Tridiagonal& form, TridiagonalSystem system, const at::Tensor& right_side, at::Tensor& out) {
  const auto n = right_side.size(0);
  const auto m = right_side.size(1);
  const auto width = symmetric_kernels().conjugate_gradient_width;
  const auto blocks = (m + width - 1) / width;
  const T* from = right_side.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  system.n = n;
  system.diagonal = form.diagonal.const_data_ptr<double>();
  system.off = form.off.const_data_ptr<double>();
  std::atomic<bool> converged{true};
  at::parallel_for(0, blocks, std::max<int64_t>(1, (1 << 14) / (n * width)), [&](int64_t begin, int64_t end) {
    auto mine = system;
    std::vector<double> storage(size_t(4 * n * width));
    double** const arrays[] = {&mine.x, &mine.r, &mine.p, &mine.tp};
    for (int i = 0; i < 4; ++i) {
      *arrays[i] = storage.data() + i * n * width;
    }
    for (auto block = begin; block < end; ++block) {
      const auto first = block * width;
      const auto count = std::min(width, m - first);
      for (int64_t s = 0; s < n; ++s) {
        for (int64_t j = 0; j < width; ++j) {
          mine.r[s * width + j] = j < count ? double(from[s * m + first + j]) : 0.0;
        }
      }
      if (!symmetric_kernels().conjugate_gradient(mine)) {
        converged = false;
      }
      for (int64_t s = 0; s < n; ++s) {
        for (int64_t j = 0; j < count; ++j) {
          to[s * m + first + j] = T(mine.x[s * width + j]);
        }
      }
    }
  });
  return converged;
}

}  // namespace

Tridiagonal tridiagonalize(const at::Tensor& symmetric) {
  const auto n = symmetric.size(0);
  Tridiagonal form{at::zeros({n}, symmetric.options()), at::zeros({n}, symmetric.options()), {}};
  const auto reflectors =
      reduce(symmetric, form.diagonal.mutable_data_ptr<double>(), form.off.mutable_data_ptr<double>());
  form.basis = accumulate(reflectors);
  return form;
}

TridiagonalSolution tridiagonal_conjugate_gradient(
    const Tridiagonal& form, double beta, const at::Tensor& right_side, int64_t iterations, double tolerance) {
  TridiagonalSystem system{};
  system.beta = beta;
  system.iterations = iterations;
  system.squared_tolerance = tolerance * tolerance;
  const auto columns = right_side.contiguous();
  TridiagonalSolution solution{at::empty_like(columns)};
  solution.converged = right_side.scalar_type() == at::kDouble
                           ? solve_columns<double>(form, system, columns, solution.coefficients)
                           : solve_columns<float>(form, system, columns, solution.coefficients);
  return solution;
}

}  // namespace proxprop
