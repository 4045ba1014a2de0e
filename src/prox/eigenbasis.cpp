#include "prox/eigenbasis.h"

#include "prox/conjugate_gradient.h"
#include "prox/kernels/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

namespace proxprop {

namespace {

// Entries of a block of columns below which another thread does not pay.
constexpr int64_t smallest_share = int64_t(1) << 14;
constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Every column of right_side [n, m]; `systems` has everything but the arrays.
template <typename T>
bool solve_columns(const DiagonalSystems& systems, const at::Tensor& right_side, const at::Tensor& out) {
  const auto n = systems.n;
  const auto m = right_side.size(1);
  const auto width = diagonal_kernel().width;
  const T* from = right_side.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  std::atomic<bool> converged{true};
  const auto grain = std::max<int64_t>(1, smallest_share / std::max<int64_t>(1, n * width));
  at::parallel_for(0, (m + width - 1) / width, grain, [&](int64_t begin, int64_t end) {
    std::vector<double> storage(size_t(3 * n * width));
    auto mine = systems;
    mine.x = storage.data();
    mine.r = mine.x + n * width;
    mine.p = mine.r + n * width;
    for (auto block = begin; block < end; ++block) {
      const auto first = block * width;
      const auto count = std::min(width, m - first);
      for (int64_t s = 0; s < n; ++s) {
        for (int64_t j = 0; j < width; ++j) {
          mine.r[s * width + j] = j < count ? double(from[s * m + first + j]) : 0.0;
        }
      }
      if (!diagonal_kernel().conjugate_gradient(mine)) {
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

// Two rotations; the iterations themselves hardly count.
Work eigenbasis_work(double samples, double outputs) {
  Work work;
  work[Kernel::eigenbasis] = samples * samples * samples;
  work[Kernel::product] = 2 * 2 * samples * samples * outputs;
  return work;
}

// A product with K and ten passes over the columns each.
Work sample_iterations_work(double samples, double outputs, double iterations) {
  Work work;
  work[Kernel::product] = iterations * 2 * samples * samples * outputs;
  work[Kernel::memory] = iterations * 10 * 4 * samples * outputs;
  return work;
}

bool eigenbasis_pays(double samples, double outputs, double iterations) {
  const Rates rates;
  return rates.of(eigenbasis_work(samples, outputs)) < rates.of(sample_iterations_work(samples, outputs, iterations));
}

Eigenbasis eigenbasis(const at::Tensor& gram) {
  // LAPACK may not return from a matrix that is not finite.
  if (!gram.isfinite().all().item<bool>()) {
    const auto nan = std::numeric_limits<double>::quiet_NaN();
    return {at::full({gram.size(0), gram.size(1)}, nan, gram.options()), at::full_like(gram, nan)};
  }
  auto [values, vectors] = at::linalg_eigh(gram);
  const auto rounding = values.amax(-1, /*keepdim=*/true) * (double(gram.size(1)) * epsilon);
  return {values.masked_fill_(values < rounding, 0), vectors};
}

EigenbasisSolution conjugate_gradient_in_eigenbasis(
    const Eigenbasis& basis, double beta, const at::Tensor& right_side, int64_t iterations, double tolerance) {
  const auto columns = right_side.contiguous();
  EigenbasisSolution solution{at::empty_like(columns), true};
  for (int64_t group = 0; group < columns.size(0); ++group) {
    const auto values = basis.values[group].contiguous();
    const DiagonalSystems systems{
        columns.size(1),
        values.const_data_ptr<double>(),
        beta,
        iterations,
        tolerance * tolerance,
        squared_rounding(at::kDouble) * values.sum().item<double>(),
        nullptr,
        nullptr,
        nullptr};
    const bool converged = columns.scalar_type() == at::kDouble
                               ? solve_columns<double>(systems, columns[group], solution.coefficients[group])
                               : solve_columns<float>(systems, columns[group], solution.coefficients[group]);
    solution.converged = solution.converged && converged;
  }
  return solution;
}

}  // namespace proxprop
