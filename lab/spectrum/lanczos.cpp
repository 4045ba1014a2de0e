#include "lab/spectrum/lanczos.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace proxprop::spectrum {

Lanczos lanczos(const SymmetricOperator& h, const at::Tensor& start, int64_t steps) {
  TORCH_CHECK(start.dim() == 1 && start.scalar_type() == at::kDouble, "lanczos: start must be a float64 vector");
  TORCH_CHECK(steps >= 1, "lanczos: steps must be at least 1, got ", steps);
  const double length = start.norm().item<double>();
  TORCH_CHECK(length > 0, "lanczos: start must not be zero");
  const int64_t n = start.numel();
  steps = std::min(steps, n);

  const at::Tensor basis = at::empty({steps, n}, start.options());  // rows, filled as they come
  const at::Tensor t = at::zeros({steps, steps}, start.options());
  basis[0].copy_(start / length);
  Lanczos result;
  double scale = 0;      // of H: the largest entry of T so far
  double coupling = 0;   // what the last step leaves outside the space
  int64_t m = 0;
  while (m < steps) {
    at::Tensor next = h(basis[m]);
    const double diagonal = next.dot(basis[m]).item<double>();
    ++m;
    const at::Tensor known = basis.narrow(0, 0, m);
    for (int pass = 0; pass < 2; ++pass)
      next = next - at::mv(known.t(), at::mv(known, next));
    coupling = next.norm().item<double>();
    TORCH_CHECK(std::isfinite(diagonal) && std::isfinite(coupling), "lanczos: the operator gave NaN or infinity");
    t[m - 1][m - 1] = diagonal;
    scale = std::max({scale, std::abs(diagonal), coupling});
    if (coupling <= double(n) * std::numeric_limits<double>::epsilon() * scale) {
      result.exhausted = true;
      break;
    }
    if (m < steps) {
      t[m][m - 1] = coupling;
      t[m - 1][m] = coupling;
      basis[m].copy_(next / coupling);
    }
  }
  result.exhausted = result.exhausted || m == n;

  const auto [values, vectors] = at::linalg_eigh(t.narrow(0, 0, m).narrow(1, 0, m));
  result.values = values;
  // H Q = Q T + coupling q e_m^T: the residual of Q s is coupling times the last entry of s. Rounding adds its own.
  const double rounding = double(m) * std::numeric_limits<double>::epsilon() * values.abs().max().item<double>();
  result.residuals = (vectors[m - 1] * coupling).abs() + rounding;
  result.weights = vectors[0].square();
  return result;
}

}  // namespace proxprop::spectrum
